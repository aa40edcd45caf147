#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that owns SIGSEGV, SIGBUS, SIGILL, SIGCHLD, SIGPROF and an alternate stack keeps them: its handlers run and ask, its disposition
# is never changed, and it sees no signal and no child but its own.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static int counts[65], wrong, flags = ALLOC_NOWAIT;
static sigjmp_buf back;
static char *block;
static const int kOwned[] = {SIGSEGV, SIGBUS, SIGILL, SIGCHLD, SIGPROF, SIGTRAP, SIGSYS};
static void ask(void) {
  struct alloc_info info;
  int local;
  if (alloc_query(block + 7, flags, &info) != 0 || info.base != block || info.size != 99) ++wrong;
  if (alloc_query(&local, flags, &info) != 0 || strcmp(info.allocator->name, "stackframe") != 0) ++wrong;
  if (alloc_query(counts, flags, &info) != 0 || info.base != counts) ++wrong;
}
static void handler(int signal, siginfo_t *info, void *context) {
  (void)info, (void)context;
  ++counts[signal];
  ask();
  if (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL) siglongjmp(back, 1);
}
int main(void) {
  char *alternate = malloc(1 << 16);
  sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 1 << 16}, NULL);
  for (unsigned i = 0; i < sizeof kOwned / sizeof *kOwned; ++i)
    sigaction(kOwned[i], &(struct sigaction){.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK}, NULL);
  block = malloc(99);
  int local;
  // The first question starts the tool that makes images; nothing of that may be seen.
  alloc_get_type(counts), alloc_get_type(&local), alloc_get_type((void *)printf);
  for (int i = 0; i < 1000; ++i) {
    if (sigsetjmp(back, 1) == 0) *(volatile int *)(long)(i % 2 ? 8 : 0x600000000000) = 1;
    if (sigsetjmp(back, 1) == 0) __builtin_trap();
    flags = i % 2 ? ALLOC_NOWAIT : 0;
  }
  FILE *file = tmpfile();
  volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
  if (sigsetjmp(back, 1) == 0) counts[0] += page[0];
  const int children_before = counts[SIGCHLD];
  pid_t child = fork();
  if (child == 0) _exit(3);
  int status = 0;
  while (waitpid(child, &status, 0) != child) continue;
  const int others = waitpid(-1, NULL, WNOHANG) != -1;
  stack_t now;
  sigaltstack(NULL, &now);
  for (unsigned i = 0; i < sizeof kOwned / sizeof *kOwned; ++i) {
    struct sigaction is;
    sigaction(kOwned[i], NULL, &is);
    wrong += is.sa_sigaction != handler;
  }
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  for (int i = 1; i < 65; ++i) wrong += sigismember(&blocked, i) == 1;
  printf("%d %d %d, %d then %d %d, %d: %d wrong, %d other children\n", counts[SIGSEGV], counts[SIGILL], counts[SIGBUS], children_before,
    counts[SIGCHLD], WEXITSTATUS(status), now.ss_sp == alternate, wrong, others);
}
END
build a.c -O1
XDG_CACHE_HOME=$PWD/cache preload ./a > out || fail "exit status $?"
expect out << 'END'
1000 1000 1, 0 then 1 3, 1: 0 wrong, 0 other children
END
