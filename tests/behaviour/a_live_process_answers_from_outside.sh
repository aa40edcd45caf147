#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process that waits gives, from outside, each address the name, size and type that it gives itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"

sed 's/return 0;/fflush(stdout); getchar(); return 0;/' "$SEED/typed.c" > typed.c
build typed.c
mkfifo input
: > inside
LD_PRELOAD=$PRELOAD ./typed < input > inside &
exec 3> input
while [ "$(wc -l < inside)" -lt 4 ]; do sleep 0.1; done
allocs what $! $(awk '{print $2}' inside) > outside || fail "allocs what ended with $?"
echo > input
wait $! || fail "the process ended with $? after it was looked at"
grep '^At' outside | without_pc > outside.lines
without_pc < inside > inside.lines
diff -u inside.lines outside.lines || fail "inside and outside differ"
