#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Without metadata at first, blocks from a wrapper have no type and say why; those that are allocated after the first question
# have the site of the wrapper's caller, and the next run knows from the start.
. "$(dirname "$0")/lib.sh"
cp "$ALLOCS_SOURCE/tests/programs/wrappers.c" a.c
export XDG_CACHE_HOME="$PWD/cache"

build a.c -O2
preload ./a > first
sed -n '1p;4p;9p;12p' first > out
expect out << 'END'
one: elsewhere, allocated in a wrapper, whose caller could not be told
grown: elsewhere, allocated in a wrapper, whose caller could not be told
one: here, point
grown: here, __ARR0_list
END
preload ./a > second
sed -n '1p;4p;9p;12p' second > out
expect out << 'END'
one: here, point
grown: here, __ARR0_list
one: here, point
grown: here, __ARR0_list
END
