#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The kernel is asked for the path of the executable when somebody first wants it. A program may have moved or removed its file by then, or be in a
# sandbox; and one that never asks makes no such call.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static int variable;
static void *volatile block;
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_readlink, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
static long install_unseen(void) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_seccomp), "D"((long)SECCOMP_SET_MODE_FILTER), "S"(0L), "d"(&program)
                   : "rcx", "r11", "memory");
  return result;
}
int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  block = malloc(10);
  if (strcmp(what, "moved") == 0 && rename("b", "c") != 0) return 1;
  if (strcmp(what, "removed") == 0 && unlink("b") != 0) return 1;
  if (strcmp(what, "sandboxed") == 0 &&
      (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0))
    return 1;
  // By an instruction of our own, which nobody sees: who may not ask the kernel does not.
  struct alloc_info info;
  if (strcmp(what, "refused") == 0 &&
      (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install_unseen() != 0 ||
       alloc_query(&variable, ALLOC_NOWAIT, &info) != 0))
    return 1;
  if (strcmp(what, "silent") == 0) return 0;
  char text[4000];
  if (strcmp(what, "refused") != 0) alloc_query(block, 0, &info);
  alloc_describe(block, text, sizeof text);
  puts(text);
  return 0;
}
END
build a.c -O1
export ALLOCS_META=never XDG_CACHE_HOME="$PWD/empty" # no image that could be theirs, so nobody asks for what is declared beside the program
here=$(pwd -P)
asks() { # name of the file, how, the name that is told
  cp a "$1"
  preload "$here/$1" "$2" > out || fail "$2: exit status $?"
  expect_line out "*site 0x* of $here/$3;*"
}
asks b as-it-is b
asks b moved c
asks b removed b
asks 'd (deleted)' as-it-is 'd (deleted)'
asks b sandboxed b
asks b refused b

command -v strace > /dev/null || exit 0
strace -o /dev/null true || skip "the rest needs strace"
calls() { strace -f -e trace=readlink -o calls env LD_PRELOAD="$PRELOAD" "$here/a" "$1" > /dev/null && grep -c /proc/self/exe calls; }
[ "$(calls silent)" = 0 ] || fail "asked although nobody wanted to know"
[ "$(calls as-it-is)" -gt 0 ] || fail "strace saw nothing"
