#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `-` is read, and words come from files, nested ones too.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"
require objcopy

mkdir src
echo 'int main(void) { return N; }' > src/a.c
echo '-DN=7 @inner.rsp' > src/outer.rsp
echo '"a.c" -o "a b"' > src/inner.rsp
yes '-DUNUSED_MACRO=1234567890' | head -n 20000 > src/long.rsp
echo 'int main(void) { return 3; }' > stdin.c

check() {
  input=$PWD/stdin.c
  same -x c -E - && same -x c -c - -o a.o && same_code a.o
  same -x c -c - && same -E - && same -c -
  same -x c - -o p && expect_status 3 wrapped/p
  unset input
  same @outer.rsp && expect_status 7 'wrapped/a b'
  same -c @outer.rsp
  same -DN=2 @long.rsp a.c -o p && expect_status 2 wrapped/p
}
for_each_compiler check
