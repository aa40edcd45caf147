#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program whose stack overflows, of the first thread and of another, and that catches it on an alternate stack: there it asks about the
# overflown stack, about the handler's own and about the heap; each answer is defined, and the program goes on.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
static __thread sigjmp_buf back;
static __thread char *some_frame;
static __thread int depth;
static char *block;
static int wrong, handled;
static void ask(const void *at, const char *expected) {
  struct alloc_info info;
  for (unsigned flags = 0; flags < 2; ++flags) {
    const int error = alloc_query(at, flags, &info);
    if (error == 0 && info.allocator == NULL) ++wrong;
    if (expected != NULL && (error != 0 || strcmp(info.allocator->name, expected) != 0)) ++wrong;
    if (expected == NULL && error == 0 && strncmp(info.allocator->name, "stack", 5) != 0 && strcmp(info.allocator->name, "mmap") != 0) ++wrong;
  }
}
static void handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  int local;
  ask(&local, "stackframe"), ask(block + 9, "__default_lib_malloc");
  ask(some_frame, NULL);     // a frame of the overflown stack
  ask(info->si_addr, NULL);  // the guard page, or what lies below
  char text[200];
  alloc_describe(some_frame, text, sizeof text);
  ++handled;
  siglongjmp(back, 1);
}
static int overflow(int n) {
  volatile char room[3000];
  room[n % 3000] = 1;
  if (++depth == 50) some_frame = (char *)room + 100;
  return overflow(n + 1) + room[5];
}
static void *run(void *unused) {
  char *alternate = malloc(1 << 16);
  sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 1 << 16}, NULL);
  for (int i = 0; i < 3; ++i) {
    depth = 0;
    if (sigsetjmp(back, 1) == 0) overflow(1);
    int local;
    ask(&local, "stackframe");
  }
  return unused;
}
int main(void) {
  block = malloc(100);
  sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK}, NULL);
  run(NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_join(thread, NULL);
  printf("%d handled, %d wrong\n", handled, wrong);
}
END
build a.c -O1 -pthread -fno-optimize-sibling-calls
preload ./a > out || fail "exit status $?"
expect out << 'END'
6 handled, 0 wrong
END
