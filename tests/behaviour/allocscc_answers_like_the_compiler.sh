#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What build systems ask a compiler about itself, it answers itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"

mkdir src
echo 'int main(void) { return 0; }' > src/a.c

check() {
  for question in --version -dumpmachine -dumpversion -print-search-dirs -print-libgcc-file-name \
    -print-prog-name=ld -print-file-name=libc.so -print-multi-lib -print-multi-os-directory --help -v; do
    same $question
  done
  same -dumpversion a.c
  same -m64 -dumpmachine
  same -Wl,--version
  same -E -v -x c /dev/null -o /dev/null
  same -dM -E -x c /dev/null
  # What would be run is shown with what is added, and not run.
  # shellcheck disable=SC2086
  $wrapped '-###' -c src/a.c -o a.o 2> commands || fail "-### fails"
  grep -q 'a\.c' commands || fail "-### shows no command"
  [ ! -e a.o ] || fail "-### compiles"
}
for_each_compiler check
allocscc --allocs-help | grep -q 'allocs-cc=' || fail "--allocs-help does not help"
