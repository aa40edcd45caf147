#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `allocs doctor` is content with a whole installation, and names what is missing, unsafe or limited elsewhere.
. "$(dirname "$0")/lib.sh"

XDG_CACHE_HOME=$PWD/cache allocs doctor > whole || fail "exit status $?: $(cat whole)"
expect_line whole 'good     guests *'
expect_line whole "good     cache *$PWD/cache/allocs: *"

mkdir bin && cp "$ALLOCS_PREFIX/bin/allocs" bin
expect_status 1 bin/allocs doctor > alone
expect_line alone 'broken   library *'

chmod o+w cache/allocs
XDG_CACHE_HOME=$PWD/cache allocs doctor > unsafe
expect_line unsafe 'limited  cache *others can write to it'
chmod o-w cache/allocs
printf 'ALMD and so on' > cache/allocs/old.meta
XDG_CACHE_HOME=$PWD/cache allocs doctor > old
expect_line old 'good     cache *1 of another version*'

(ulimit -c 0; allocs doctor --json) | tr -d '\n' > json
case $(cat json) in
  '['*'"subject": "guests"'*']') ;;
  *) fail "not the JSON that was expected: $(cat json)" ;;
esac
env -u HOME -u XDG_CACHE_HOME "$ALLOCS_PREFIX/bin/allocs" doctor > homeless || fail "exit status $?"
expect_line homeless 'limited  cache *'
