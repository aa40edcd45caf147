#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that allocscc linked carries what tells its wrappers: the sites and types are right in its first run, stripped, where
# nothing is in any cache and nothing may be made.
. "$(dirname "$0")/lib.sh"
cp "$ALLOCS_SOURCE/tests/programs/wrappers.c" a.c
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never

for compiler in $(command -v gcc || true) $(command -v clang-19 || command -v clang || true); do
  for flags in -O0 -O2 "-O2 -no-pie"; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" -I"$ALLOCS_PREFIX/include" -o a $flags a.c
    strip a
    preload ./a > out
    sed 's/: .*, /: /' out | sort -u > types
    expect types << 'END'
array: __ARR0_point
chained: list
cleared: __ARR0_list
grown: __ARR0_list
in_line: point
jumped: point
jumped_twice: point
one: point
END
    if grep -v ': here' out; then fail "a site is not in the wrapper's caller"; fi
  done
done
