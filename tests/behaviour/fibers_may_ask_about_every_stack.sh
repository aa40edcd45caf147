#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fibers by makecontext, on stacks from malloc, from mmap and in static memory, and handlers on alternate stacks, ask about their own
# variables, about those of other fibers and about main's. Their own are frames; others are frames, the stack, or the memory that the
# stack lies in, but never somebody else's frame.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
enum { kFibers = 30, kSize = 65536 };
static char static_stacks[kFibers / 3][kSize] __attribute__((aligned(16)));
static ucontext_t main_context, fibers[kFibers];
static long *local_of[kFibers + 1], *main_local;
static long asked, wrong, not_yet;
static const char *kind_of_stack[kFibers];
static void complain(const char *what, const struct alloc_info *info) {
  if (++wrong < 10) printf("%s: %s %p %zu %d\n", what, info->allocator ? info->allocator->name : "-", info->base, info->size, info->error);
}
static int is_in_mapping(const void *at) {
  for (int i = 1; i < kFibers; i += 3)
    if ((const char *)at - (const char *)fibers[i].uc_stack.ss_sp < kSize && (const char *)at >= (const char *)fibers[i].uc_stack.ss_sp) return 1;
  return 0;
}
static void own(const void *at, unsigned flags) {
  struct alloc_info info;
  ++asked;
  const int error = alloc_query(at, flags, &info);
  // Where the kernel must not be asked, a mapping is known to its next page only.
  if (flags == ALLOC_NOWAIT && error == ALLOC_E_NOT_YET && is_in_mapping(at)) { ++not_yet; return; }
  if (error != 0 || strcmp(info.allocator->name, "stackframe") != 0) complain("own", &info);
}
static void other(const void *at, const char *kind, unsigned flags) {
  struct alloc_info info;
  ++asked;
  const int error = alloc_query(at, flags, &info);
  if (error == ALLOC_E_NOTHING_THERE) complain("nothing there", &info);
  if (error != 0 || info.allocator == NULL) return;
  const char *name = info.allocator->name;
  if (strcmp(name, kind) != 0 && strcmp(name, "stack") != 0) complain(kind, &info);
  if ((const char *)at < (const char *)info.base || (const char *)at >= (const char *)info.base + info.size) complain("not inside", &info);
}
static __attribute__((noinline)) void deeper(int number, int depth) {
  long local[3] = {number};
  own(local, ALLOC_NOWAIT), own(&local[1], 0);
  if (depth > 0) deeper(number, depth - 1);
  local_of[number] = local;
  if (depth == 0) swapcontext(&fibers[number], &main_context);
  own(local, 0);
}
static void fiber(int number) {
  deeper(number, 5);
  for (unsigned flags = 0; flags < 2; ++flags) {
    for (int i = 0; i < kFibers; ++i)
      if (i != number && local_of[i] != NULL) other(local_of[i], kind_of_stack[i], flags);
    other(main_local, "stack", flags);
  }
  raise(SIGUSR1);
}
static void handler(int signal) {
  own(&signal, ALLOC_NOWAIT), own(&signal, 0);
  for (int i = 0; i < kFibers; ++i)
    if (local_of[i] != NULL) {
      struct alloc_info info;
      alloc_query(local_of[i], ALLOC_NOWAIT, &info);  // the interrupted fiber's own may be a frame
    }
}
int main(void) {
  long local = 7;
  main_local = &local;
  signal(SIGUSR1, handler);
  own(&local, 0);
  for (int i = 0; i < kFibers; ++i) {
    getcontext(&fibers[i]);
    kind_of_stack[i] = i % 3 == 0 ? "__default_lib_malloc" : i % 3 == 1 ? "mmap" : "static";
    fibers[i].uc_stack.ss_sp = i % 3 == 0 ? malloc(kSize)
      : i % 3 == 1 ? mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : static_stacks[i / 3];
    fibers[i].uc_stack.ss_size = kSize;
    fibers[i].uc_link = &main_context;
    makecontext(&fibers[i], (void (*)(void))fiber, 1, i);
  }
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < kFibers; ++i) {
      swapcontext(&main_context, &fibers[i]);
      own(&local, 0), own(&local, ALLOC_NOWAIT);
      if (round == 0) other(local_of[i], kind_of_stack[i], 0);
    }
  sigaltstack(&(stack_t){.ss_sp = malloc(kSize), .ss_size = kSize}, NULL);
  sigaction(SIGUSR2, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL);
  raise(SIGUSR2);
  printf("%d %d, %ld wrong\n", asked > 1000, not_yet < 30, wrong);
}
END
build a.c -O1
preload ./a > out || fail "exit status $?"
expect out << 'END'
1 1, 0 wrong
END
