#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The site of a block from xmalloc and the like is in their caller, and the type is what the caller means, at every optimisation.
. "$(dirname "$0")/lib.sh"
cp "$ALLOCS_SOURCE/tests/programs/wrappers.c" a.c

all_here() {
  for time in first second; do
    cat << 'END'
one: here, point
array: here, __ARR0_point
cleared: here, __ARR0_list
grown: here, __ARR0_list
chained: here, list
jumped: here, point
jumped_twice: here, point
in_line: here, point
END
  done
}
export XDG_CACHE_HOME="$PWD/cache"
for compiler in $(command -v gcc || true) $(command -v clang || true); do
  for flags in -O0 -O1 -O2 "-O2 -fno-omit-frame-pointer" -O3; do
    echo "$compiler $flags"
    CC=$compiler build a.c $flags
    allocs run --quiet ./a > out
    all_here | expect out
  done
done
