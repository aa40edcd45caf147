#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program is stripped, and its debug information is found by build-id.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require objcopy readelf

[ -w /usr/lib ] && [ "$(id -u)" -eq 0 ] || skip "only root may put a file below /usr/lib/debug"
compile_seed "$CC" -g -O2 -Wl,--build-id=0xa110c5$(od -An -N17 -tx1 /dev/urandom | tr -d ' \n')
id=$(readelf -n typed | sed -n 's/.*Build ID: //p')
folder=/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)
file=$folder/$(echo "$id" | cut -c3-).debug
mkdir -p "$folder"
trap 'rm -f "$file"; rmdir "$folder" 2> /dev/null || true' EXIT
objcopy --only-keep-debug typed "$file"
strip --strip-all typed
seed_prints ./typed '__ARR0_int$32'
