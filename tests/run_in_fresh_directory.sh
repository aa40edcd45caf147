#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: run_in_fresh_directory.sh SCRIPT     Runs it in a new directory, and removes that whatever happens.
set -eu
fresh=$(mktemp -d "${TMPDIR:-/tmp}/allocs-test.XXXXXX")
trap 'chmod -R u+rwX "$fresh" 2>/dev/null; rm -rf "$fresh"' EXIT
trap 'exit 129' HUP INT TERM
cd "$fresh"
status=0
HOME=$fresh XDG_CACHE_HOME=${ALLOCS_TEST_CACHE:-$ALLOCS_PREFIX/test/cache} sh "$1" || status=$?
exit "$status"
