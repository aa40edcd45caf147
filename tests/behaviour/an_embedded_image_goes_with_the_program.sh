#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Built by allocscc, with or without a build-id, stripped and copied away, a program answers without any tool or cache.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require strip objcopy readelf

# answers PROGRAM
answers() {
  XDG_CACHE_HOME=/nonexistent HOME=/nonexistent ALLOCS_META=never preload "$1" > out || fail "$1 fails"
  expect_four_lines out '__ARR0_int$32'
  [ -z "$(readelf -aW "$1" 2>&1 > /dev/null)" ] || fail "readelf complains about $1"
}

for compiler in $(each_compiler); do
  for id in sha1 none; do
    echo "$compiler $id"
    allocscc --allocs-cc="$compiler" -I"$ALLOCS_PREFIX/include" -o typed "$SEED/typed.c" \
      -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -Wl,--build-id=$id -lallocs
    answers ./typed
    objcopy typed copied && answers ./copied
    strip typed && answers ./typed
    allocscc --allocs-cc="$compiler" -s -I"$ALLOCS_PREFIX/include" -o typed "$SEED/typed.c" -Wl,--build-id=$id
    answers ./typed
    [ -z "$(readelf -SW typed | grep -e '\.debug_' -e '\.symtab')" ] || fail "-s leaves something over"
    strip --strip-all copied && answers ./copied
  done
done
