#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program as it is, built by allocscc over clang and over gcc, prints its four lines, the type of the block behind
# a void pointer among them: at every optimisation, at a fixed or random address, with DWARF 4 and 5, stripped, in its first run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
[ -e "$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so" ] || skip "the compiler plugin is not built"
require clang-19 gcc
sed '/SPDX/d' "$SEED/test.c" > test.c

for compiler in clang-19 gcc; do
  for level in 0 1 2 3; do
    for flags in "" -no-pie -gdwarf-4 -gdwarf-5; do
      echo "$compiler -O$level $flags"
      # shellcheck disable=SC2086 # no flag is no word
      allocscc --allocs-cc=$compiler -I"$ALLOCS_PREFIX/include" -O$level $flags -o test test.c
      seed_prints ./test '__ARR0_int$32'
      strip test
      XDG_CACHE_HOME=$PWD/empty ALLOCS_META=never seed_prints ./test '__ARR0_int$32'
    done
  done
done
