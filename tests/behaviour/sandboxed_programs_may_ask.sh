#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that put itself into a seccomp sandbox lives on when it asks, and gets what is in memory already.
. "$(dirname "$0")/lib.sh"
cp "$ALLOCS_SOURCE/tests/programs/sandboxed.c" a.c
build a.c

for how in prctl syscall strict; do
  echo "$how"
  status=0
  (preload ./a $how > out 2> errors) || status=$?
  [ $how = strict ] || [ "$status" -eq 159 ] || fail "ended with $status, not by the last system call (159, SIGSYS)"
  [ $how != strict ] || [ "$status" -eq 137 ] || fail "ended with $status, not by the last system call (137, SIGKILL)"
  grep -v 'thread\|large' out > common
  expect common << 'END'
global: static point
pages: mmap (no type)
block: __default_lib_malloc point
function: static *
function of the C library: static*
local: stackframe *
argument vector: auxv __ARR3___PTR_signed_char$8
pages: - (no type)
nothing: - (no type)
END
  [ $how = strict ] && continue # no memory, so no types but those that are there
  expect_line out "thread-local: tls-symbol int\$32"
  expect_line out 'function: static __FUN_FROM___ARG0_int$32__ARG1___PTR___PTR_signed_char$8__FUN_TO_int$32'
  expect_line out "local: stackframe *main_vaddrs_*"
  expect_line out "large block: __default_lib_malloc *"
  expect_line out "block of a thread: __default_lib_malloc point"
  expect_line out "local of a thread: stackframe *thread_vaddrs_*"
done
