#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program with a graphical toolkit opens its window on a virtual screen, and leaves when its time is over.
. "$(dirname "$0")/lib.sh"
require Xvfb zenity

Xvfb -displayfd 3 -nolisten tcp -screen 0 640x480x24 3> display > /dev/null 2>&1 &
screen=$!
trap 'kill $screen' EXIT
for i in $(seq 100); do [ -s display ] && break; sleep 0.1; done
[ -s display ] || skip "Xvfb does not start here"
export DISPLAY=:$(cat display) NO_AT_BRIDGE=1 GSETTINGS_BACKEND=memory DBUS_SESSION_BUS_ADDRESS=disabled: G_MESSAGES_PREFIXED=
same_status 5 sh -c 'zenity --info --text="some <b>text</b>" --timeout=1 2> /dev/null'
