#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A pointer in a place of which it cannot be told whether it is in use, or whose, keeps an allocation where it is: below the stack pointer of a fibre, in frames that a handler on a stack
# within its thread's own has interrupted, in a pool whose allocator cannot answer, in a union whose other member has something in half of the word, in shared memory that was sealed, and behind an array that ends where the allocation begins.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct node { long id; struct node *self; };
static uintptr_t secret;
static struct alloc_moving moving;
__attribute__((noinline)) static void make(void) {
  struct node *made = calloc(1, sizeof *made);
  secret = ~(uintptr_t)made;
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); __asm__ volatile("" : : "r"(dead) : "memory"); }
__attribute__((noinline)) static int migrate(void) {
  void *base = NULL;
  const int error = alloc_migrate((void *)~secret, NULL, &moving, &base);
  if (error == 0) secret = ~(uintptr_t)base;
  return error;
}
static int clean_migrate(void) { return wipe(), migrate(); }
/* Of a place that holds its address. */
static const char *verdict(int error, const struct node *held) {
  if ((uintptr_t)held != ~secret) return "DANGLING";
  return error == ALLOC_E_OBSTACLE ? "stays" : error == 0 ? "moved" : "?";
}

/* ---- fibres ---- */
enum { kStack = 65536 };
static ucontext_t main_context, holder, mover;
static int error_of_mover;
static const char *verdict_of_holder;
static void hold(void) {
  struct node *volatile local = (struct node *)~secret;
  swapcontext(&holder, &main_context);
  verdict_of_holder = verdict(error_of_mover, local);
  local = NULL;
}
static void move_it(void) { error_of_mover = migrate(); }
static void make_fibre(ucontext_t *fibre, void (*run)(void), char *stack) {
  getcontext(fibre);
  fibre->uc_stack.ss_sp = stack, fibre->uc_stack.ss_size = kStack, fibre->uc_link = &main_context;
  makecontext(fibre, run, 0);
}
__attribute__((noinline)) static void enter(ucontext_t *fibre) { swapcontext(&main_context, fibre); }
__attribute__((noinline)) static void fibres(const char *where, char *low, char *high) {
  make_fibre(&holder, hold, low), make_fibre(&mover, move_it, high);
  enter(&holder);
  wipe();
  enter(&mover);
  enter(&holder);
  printf("fibres in %s: %s\n", where, verdict_of_holder);
  memset(low, 0, kStack), memset(high, 0, kStack);
}
static struct { struct node *held; char stack[kStack]; } own __attribute__((aligned(16)));
__attribute__((noinline)) static void fibres_on_stack(void) {
  char stacks[2][kStack];
  memset(stacks, 0, sizeof stacks);
  fibres("a local array", stacks[0], stacks[1]);
}
__attribute__((noinline)) static void fibre_behind_pointer(void) {
  own.held = (struct node *)~secret;
  make_fibre(&mover, move_it, own.stack);
  wipe();
  enter(&mover);
  printf("below the fibre's stack: %s\n", verdict(error_of_mover, own.held));
  memset(&own, 0, sizeof own);
}

/* ---- a handler on a stack within that of its thread ---- */
static volatile int phase;
static const char *verdict_of_interrupted;
static volatile int error_of_main;
static void wait_for(int wanted) { while (phase != wanted) sched_yield(); }
static void handler(int unused) { (void)unused, phase = 1, wait_for(2); }
__attribute__((noinline)) static void interrupted(void) {
  struct node *volatile local = (struct node *)~secret;
  raise(SIGUSR1);
  verdict_of_interrupted = verdict(error_of_main, local);
  local = NULL;
}
static void *work(void *unused) {
  char alternate[kStack];
  memset(alternate, 0, sizeof alternate);
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, none = {.ss_flags = SS_DISABLE};
  sigaltstack(&stack, NULL);
  interrupted();
  sigaltstack(&none, NULL);
  return unused;
}

/* ---- a pool whose allocator has a lock ---- */
struct slots { struct node *held[8]; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uniqtype *type_of_slots;
static int tell(const void *base, struct alloc_info *child) {
  child->base = base, child->size = sizeof(struct slots), child->type = type_of_slots;
  return ALLOC_OK;
}
/* The first part of the pool is one allocation. */
static int find(void *context, const struct alloc_info *pool, const void *at, unsigned flags, struct alloc_info *child) {
  (void)context, (void)flags;
  if (pthread_mutex_trylock(&lock) != 0) return ALLOC_E_NOT_YET;
  pthread_mutex_unlock(&lock);
  return (size_t)((const char *)at - (const char *)pool->base) < sizeof(struct slots) ? tell(pool->base, child) : ALLOC_E_NOTHING_THERE;
}
static int next(void *context, const struct alloc_info *pool, const void *from, unsigned flags, struct alloc_info *child) {
  (void)context, (void)flags;
  return from <= pool->base ? tell(pool->base, child) : ALLOC_E_NOTHING_THERE;
}
static int make_one(void *context, struct uniqtype *type, size_t count, void **base) { return (void)context, (void)type, (void)count, (void)base, ALLOC_E_NO_MEMORY; }
static int release(void *context, const struct alloc_info *which) { return (void)context, (void)which, ALLOC_E_NO_SUCH_OPERATION; }
static struct allocator arena = {"arena"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = next, .make = make_one, .release = release};
static void *keep_lock(void *unused) {
  pthread_mutex_lock(&lock);
  phase = 1, wait_for(2);
  pthread_mutex_unlock(&lock);
  return unused;
}
static union { struct node *held; struct { int : 32; int n; } late; } either;
static void *pool;
static struct node *const *in_pool(void) { return ((struct slots *)pool)->held + 2; }
__attribute__((noinline)) static void make_pool(void) {
  pool = calloc(1, 4096);
  alloc_register_allocator(&arena, &protocol), alloc_promote(pool, &arena);
  ((struct slots *)pool)->held[2] = (struct node *)~secret;
}
__attribute__((noinline)) static void find_type(void) {
  struct slots *slots = calloc(1, sizeof *slots);
  type_of_slots = alloc_get_type(slots);
  free(slots);
}

int main(void) {
  pthread_t thread;
  setvbuf(stdout, NULL, _IONBF, 0);
  moving.signal = SIGRTMIN, moving.timeout_ms = 20000;
  make();
  int error = clean_migrate();
  printf("nothing else: %s\n", error == 0 ? "moved" : alloc_obstacle_message(moving.obstacle.kind));
  char *mapping = mmap(NULL, 2 * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fibres("a mapping", mapping, mapping + kStack);
  fibres_on_stack();
  fibre_behind_pointer();

  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&thread, NULL, work, NULL);
  wait_for(1);
  error_of_main = clean_migrate();
  phase = 2;
  pthread_join(thread, NULL);
  printf("interrupted: %s\n", verdict_of_interrupted);

  find_type();
  make_pool();
  phase = 0;
  pthread_create(&thread, NULL, keep_lock, NULL);
  wait_for(1);
  error = clean_migrate();
  printf("the pool is locked: %s\n", verdict(error, *in_pool()));
  phase = 2;
  pthread_join(thread, NULL);
  error = clean_migrate();
  printf("it is not: %s\n", verdict(error, *in_pool()));
  memset(pool, 0, sizeof(struct slots));

  either.held = (struct node *)~secret;
  error = clean_migrate();
  printf("a union: %s\n", verdict(error, either.held));
  either.held = NULL;

  struct node **shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[3] = (struct node *)~secret;
  mprotect(shared, 4096, PROT_READ);
  error = clean_migrate();
  printf("sealed: %s\n", verdict(error, shared[3]));
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
nothing else: moved
fibres in a mapping: stays
fibres in a local array: stays
below the fibre's stack: [ms]*
interrupted: stays
the pool is locked: stays
it is not: moved
a union: stays
sealed: stays
EOF

# Arrays without books between them: one ends where what moves begins.
cat > b.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct bounds { long *begin, *end; };
static struct bounds bounds;
static uintptr_t secret;
static struct alloc_moving moving;
/* Of blocks that lie side by side the lower one has bounds, the upper one moves. */
enum { kBlocks = 2000 };
static uintptr_t blocks[kBlocks];
__attribute__((noinline)) static void make(void) {
  for (int i = 0; i < kBlocks; ++i) {
    long *block = malloc(16 * sizeof *block);
    blocks[i] = ~(uintptr_t)block;
  }
  for (int i = 0; i < kBlocks; ++i)
    for (int k = 0; k < kBlocks; ++k)
      if (~blocks[i] == ~blocks[k] + 16 * sizeof(long) && secret == 0) {
        secret = blocks[i];
        bounds = (struct bounds){(long *)~blocks[k], (long *)~blocks[k] + 16};
      }
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); __asm__ volatile("" : : "r"(dead) : "memory"); }
__attribute__((noinline)) static int migrate(void) {
  void *base;
  return alloc_migrate((void *)~secret, NULL, &moving, &base);
}
int main(void) {
  make();
  wipe();
  if (secret == 0) return puts("none lie side by side"), 0;
  const int error = migrate();
  printf("%s\n", bounds.end != bounds.begin + 16 ? "WRONG END" : error == ALLOC_E_OBSTACLE ? "stays" : "moved");
  return 0;
}
EOF
build b.c -O1 -Wall -Werror
allocs meta build ./b > made
preload ./b > out || fail "exit status $?"
expect out <<'EOF'
none lie side by side
EOF
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./b > out || fail "over $malloc: exit status $?"
  expect_line out 'stays'
done
