#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# After abort(), the core file gives each address the name, size and type that the process gave.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"

compile_seed "$CC" -g
core_of ./typed crash > inside
[ "$(wc -l < inside)" -eq 4 ] || fail "the program printed: $(cat inside)"
allocs what core $(awk '{print $2}' inside) > outside
grep '^At' outside | without_pc > outside.lines
without_pc < inside > inside.lines
diff -u inside.lines outside.lines || fail "inside and outside differ"
