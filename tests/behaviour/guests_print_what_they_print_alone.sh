#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nothing is written to standard output or error; a program that never asks never starts another.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
int main(void) { return alloc_get_type(malloc(4)) != NULL; }
END
build a.c
XDG_CACHE_HOME=$PWD/empty preload ./a > out 2>&1 || fail "exit status $?"
preload ls -d . > listed 2>&1
preload sh -c 'exit 3' >> out 2>&1 || [ $? -eq 3 ]
[ ! -s out ] || fail "something was printed: $(cat out)"
[ "$(cat listed)" = . ] || fail "ls printed $(cat listed)"
ALLOCS_META=nonsense LD_LIBRARY_PATH=/nowhere preload true > out 2>&1
[ ! -s out ] || fail "something was printed: $(cat out)"
