#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A graph of ten thousand blocks with cycles, which only reachability holds, changes at random. What is collected the program itself works out beforehand: nothing goes that is reachable, from
# wherever, and nearly all goes that is not.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/lifetime.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIGNAL SIGRTMIN
#define N 10000
#define ROOTS 40
/* The allocator's links would be written over the first two words. */
struct node { unsigned long id, check; struct node *edge[2]; char odd[11]; } __attribute__((packed));
static unsigned long check_of(unsigned long id) { return id * 0x9E3779B97F4A7C15ul + 1; }

/* What there should be: node numbers, -1 for none. Addresses are kept in a way that nobody takes for one. */
static uintptr_t secret[N];
static int is_there[N], edge[N][3], root[ROOTS], reached[N];
static struct node *at(int i) { return i < 0 ? NULL : (struct node *)~secret[i]; }
static unsigned long seed = 1;
static int pick(int n) { return (int)((seed = seed * 6364136223846793005ul + 1442695040888963407ul) >> 33) % n; }
static int one_or_none(void) { int i = pick(N); return pick(3) == 0 || !is_there[i] ? -1 : i; }

/* The roots: statics, misaligned bytes, thread-locals, a mapping, a block of malloc, one that was taken past it. */
static struct node *statics[10];
static char bytes[10][11];
static __thread struct node *own[5];
static struct node **mapped, **block, **past;
extern void *__libc_malloc(size_t);
static void **place_of(int r) {
  if (r < 10) return (void **)&statics[r];
  if (r < 20) return (void **)(bytes[r - 10] + 3);
  if (r < 25) return (void **)&own[r - 20];
  if (r < 30) return (void **)&mapped[r - 25];
  if (r < 35) return (void **)&block[r - 30];
  return (void **)&past[r - 35];
}
static void put(void *where, void *what) { memcpy(where, &what, sizeof what); }
__attribute__((noinline)) static void set_root(int r, int i) { put(place_of(r), (char *)at(i) + (i < 0 ? 0 : pick(3) == 0 ? sizeof(struct node) : pick(20))); root[r] = i; }

static int wrong;
__attribute__((noinline)) static void make(int i) {
  struct node *n = pick(2) ? malloc(sizeof *n) : calloc(1, sizeof *n);
  memset(n, 0, sizeof *n);
  n->id = i, n->check = check_of(i);
  secret[i] = ~(uintptr_t)n, is_there[i] = 1;
  edge[i][0] = edge[i][1] = edge[i][2] = -1;
  if (alloc_hold(n, alloc_reachability_holder()) != 0) wrong++;
  free(n);
}
__attribute__((noinline)) static void link_nodes(int i) {
  for (int k = 0; k < 3; ++k) edge[i][k] = one_or_none();
  at(i)->edge[0] = at(edge[i][0]), at(i)->edge[1] = at(edge[i][1]);
  put(at(i)->odd + 3, at(edge[i][2]));
}
static int stack[N];
__attribute__((noinline)) static void mark(void) {
  int depth = 0;
  memset(reached, 0, sizeof reached);
  for (int r = 0; r < ROOTS; ++r) if (root[r] >= 0 && !reached[root[r]]) reached[stack[depth++] = root[r]] = 1;
  while (depth != 0) {
    const int i = stack[--depth];
    for (int k = 0; k < 3; ++k) if (edge[i][k] >= 0 && !reached[edge[i][k]]) reached[stack[depth++] = edge[i][k]] = 1;
  }
}
__attribute__((noinline)) static int is_alive(int i) {
  struct alloc_info info;
  return alloc_query(at(i), 0, &info) == 0 && info.base == at(i) && info.size == sizeof(struct node) && at(i)->id == (unsigned long)i && at(i)->check == check_of(i);
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[60000]; memset((char *)dead, 0, sizeof dead); }
static struct alloc_collection collection;
static unsigned long gone, should_go, collections;
__attribute__((noinline)) static void check_all(void) {
  for (int i = 0; i < N; ++i) {
    if (!is_there[i]) continue;
    const int alive = is_alive(i);
    should_go += !reached[i];
    if (reached[i] && !alive) wrong++;
    if (!alive) gone++, is_there[i] = 0;
  }
}
static int collect(void) { wipe(); ++collections; return alloc_collect(&collection); }

static volatile int phase, quit;
__attribute__((noinline)) static void *hold_in_register(void *unused) {
  __asm__ volatile("mov %1, %%r13\n\t notq %%r13\n\t movl $1, %0\n1: cmpl $2, %0\n\t jne 1b\n\t xor %%r13d, %%r13d" : "+m"(phase) : "m"(secret[0]) : "r13", "memory", "cc");
  return unused;
}
__attribute__((noinline)) static void *hold_in_vector(void *unused) {
  __asm__ volatile("mov %1, %%rax\n\t notq %%rax\n\t movq %%rax, %%xmm5\n\t xor %%eax, %%eax\n\t movl $1, %0\n1: cmpl $2, %0\n\t jne 1b\n\t pxor %%xmm5, %%xmm5" : "+m"(phase) : "m"(secret[0]) : "rax", "xmm5", "memory", "cc");
  return unused;
}
__attribute__((noinline)) static void *hold_on_stack(void *unused) {
  struct node *volatile local = at(0);
  phase = 1;
  while (phase != 2) usleep(500);
  local = NULL;
  return (void)local, unused;
}
static __thread struct node *volatile theirs;
__attribute__((noinline)) static void *hold_in_thread_local(void *unused) {
  theirs = at(0);
  wipe();
  phase = 1;
  while (phase != 2) usleep(500);
  theirs = NULL;
  return unused;
}
__attribute__((noinline)) static int is_kept(void) { return is_alive(0); }
static int keeps(void *(*how)(void *)) {
  pthread_t thread;
  phase = 0;
  make(0);
  pthread_create(&thread, NULL, how, NULL);
  while (phase != 1) usleep(500);
  const int error = collect(), kept = error == 0 && is_kept();
  phase = 2;
  pthread_join(thread, NULL);
  return kept;
}
static void *churn(void *unused) { while (!quit) free(realloc(malloc(30), 3000)); return unused; }
static void *idle(void *unused) { while (!quit) usleep(500); return unused; }

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 12;
  pthread_t threads[2];
  mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  block = calloc(5, sizeof *block);
  past = memset(__libc_malloc(5 * sizeof *past), 0, 5 * sizeof *past);
  for (int r = 0; r < ROOTS; ++r) root[r] = -1;
  printf("none: %d %lu\n", collect(), collection.candidates);
  pthread_create(&threads[0], NULL, churn, NULL), pthread_create(&threads[1], NULL, idle, NULL);
  make(0);
  printf("no signal: %d, alive %d\n", collect(), is_alive(0));
  collection.signal = SIGNAL, collection.timeout_ms = 20000;
  int errors = 0;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < N; ++i) if (!is_there[i]) make(i);
    for (int n = 0; n < N; ++n) link_nodes(pick(N));
    for (int r = 0; r < ROOTS; ++r) set_root(r, pick(2) ? -1 : pick(N));
    if (round % 4 == 3) for (int r = 0; r < ROOTS; ++r) set_root(r, -1);
    mark();
    errors += collect() != 0;
    check_all();
  }
  printf("%d errors, %d wrong, %s that should go have gone\n", errors, wrong, gone * 100 >= should_go * 98 ? "nearly all" : "few");
  if (gone * 100 < should_go * 98) fprintf(stderr, "%lu of %lu\n", gone, should_go);
  for (int r = 0; r < ROOTS; ++r) set_root(r, -1);
  collect();
  printf("kept: register %d, vector %d, stack %d, thread-local %d\n", keeps(hold_in_register), keeps(hold_in_vector), keeps(hold_on_stack), keeps(hold_in_thread_local));

  /* Memory that cannot be looked into. */
  make(0);
  mapped[0] = at(0);
  mprotect(mapped, 4096, PROT_NONE);
  const int error = collect();
  printf("closed memory: %s, %d, alive %d\n", alloc_error_message(error), collection.obstacle == mapped, is_alive(0));
  mprotect(mapped, 4096, PROT_READ | PROT_WRITE);
  printf("open: %d %d", collect(), is_alive(0));
  mapped[0] = NULL;
  printf(", %d\n", collect());
  alloc_stop_others(SIGNAL, 20000, NULL);
  printf("stopped: %d\n", alloc_collect(&collection));
  alloc_resume_others();
  printf("NULL: %d\n", alloc_collect(NULL));
  quit = 1;
  pthread_join(threads[0], NULL), pthread_join(threads[1], NULL);
  return wrong != 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
MALLOC_PERTURB_=165 preload ./a > out || fail "exit status $?"
expect out <<'EOF'
none: 0 0
no signal: -28, alive 1
0 errors, 0 wrong, nearly all that should go have gone
kept: register 1, vector 1, stack 1, thread-local 1
closed memory: something may refer to it that cannot be rewritten, or cannot be looked into, 1, alive 1
open: 0 1, 0
stopped: -26
NULL: -12
EOF

# Of other mallocs free memory is not told apart, and a block ends where the next begins: more stays, and nothing is broken.
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a 6 > out 2> /dev/null || fail "over $malloc: exit status $?"
  expect_line out '0 errors, 0 wrong, *'
done
