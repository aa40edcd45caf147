#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks of random graphs move, and every pointer to them is rewritten; what may be a pointer and is not told to be one makes the move refuse, and nothing has changed.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/move.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL SIGRTMIN
#define N 60
struct odd { short tag; struct node *ref; } __attribute__((packed));
struct node {
  long id;
  struct node *edge[3];
  long *to_number; /* into the middle of another */
  struct odd odd;  /* not aligned */
  long number;
  void *anything;
  uintptr_t integer; /* an address, but no pointer */
};
static struct node *roots[4];
static __thread struct node *own_root;
static struct node **table;
/* Functions of their own, so that main keeps no address in a register. What the graph should be: by number, -1 for NULL. Addresses are kept in a way that nobody takes for one. */
static struct { int edge[3], to_number, odd, anything; uintptr_t integer; } model[N];
static int root_is[4], own_root_is, table_is[N];
static uintptr_t secret[N];
static struct alloc_moving moving;

static struct node *at(int i) { return i < 0 ? NULL : (struct node *)~secret[i]; }
static unsigned long seed = 1;
static int pick(int n) { return (int)((seed = seed * 6364136223846793005ul + 1442695040888963407ul) >> 33) % n; }
static int one_or_none(void) { return pick(4) == 0 ? -1 : pick(N); }

__attribute__((noinline)) static void make_node(int i) {
  struct node *made = calloc(1, sizeof *made);
  secret[i] = ~(uintptr_t)made;
}
__attribute__((noinline)) static void change(int i) {
  struct node *n = at(i);
  n->id = i, n->number = 1000 + i, n->odd.tag = (short)(i * 3);
  for (int k = 0; k < 3; ++k) n->edge[k] = at(model[i].edge[k] = one_or_none());
  model[i].to_number = one_or_none();
  n->to_number = model[i].to_number < 0 ? NULL : &at(model[i].to_number)->number;
  n->odd.ref = at(model[i].odd = one_or_none());
  n->anything = at(model[i].anything = one_or_none());
  n->integer = (uintptr_t)at(pick(N)), model[i].integer = ~n->integer;
  const int r = pick(4), t = pick(N);
  roots[r] = at(root_is[r] = one_or_none());
  table[t] = at(table_is[t] = one_or_none());
  if (pick(5) == 0) own_root = at(own_root_is = one_or_none());
}
__attribute__((noinline)) static int is_sound(void) {
  for (int i = 0; i < N; ++i) {
    const struct node *n = at(i);
    if (n->id != i || n->number != 1000 + i || n->odd.tag != (short)(i * 3) || n->integer != ~model[i].integer) return 0;
    for (int k = 0; k < 3; ++k) if (n->edge[k] != at(model[i].edge[k])) return 0;
    if (n->to_number != (model[i].to_number < 0 ? NULL : &at(model[i].to_number)->number)) return 0;
    if (n->odd.ref != at(model[i].odd) || n->anything != at(model[i].anything)) return 0;
    if (table[i] != at(table_is[i])) return 0;
  }
  for (int r = 0; r < 4; ++r) if (roots[r] != at(root_is[r])) return 0;
  return own_root == at(own_root_is);
}
static unsigned long references_to(int i) {
  unsigned long count = own_root_is == i;
  for (int r = 0; r < 4; ++r) count += root_is[r] == i;
  for (int n = 0; n < N; ++n) {
    for (int k = 0; k < 3; ++k) count += model[n].edge[k] == i;
    count += (model[n].to_number == i) + (model[n].odd == i) + (model[n].anything == i) + (table_is[n] == i);
  }
  return count;
}
/* What calls have left on the stack would be taken for references. */
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); }
__attribute__((noinline)) static int migrate(int i, struct allocator *to) {
  void *base = NULL;
  const int error = alloc_migrate(at(i), to, &moving, &base);
  if (error == 0) secret[i] = ~(uintptr_t)base;
  return error;
}
static int clean_migrate(int i, struct allocator *to) { return wipe(), migrate(i, to); }

static volatile int quit, phase;
static void *idle(void *unused) { while (!quit) usleep(500); return unused; }
static void *churn(void *unused) { while (!quit) free(realloc(malloc(30), 3000)); return unused; }
static void *traverse(void *unused) {
  long sum = 0;
  for (int i = 0; !quit; i = (i + 1) % 4) {
    const struct node *n = roots[i];
    for (int steps = 0; n != NULL && steps < 20; ++steps, n = n->edge[steps % 3]) sum += n->number;
  }
  return (void)sum, unused;
}
static int is_node(int i) {
  struct alloc_info info, site;
  if (alloc_query(at(i), 0, &info) != 0 || info.base != at(i) || info.size != sizeof(struct node)) return 0;
  return strcmp(uniqtype_name(info.type), "node") == 0 && alloc_query(info.site, 0, &site) == 0 && strcmp(site.name, "make_node") == 0;
}

static int tid;
__attribute__((noinline)) static void *hold_in_register(void *unused) {
  tid = (int)syscall(SYS_gettid);
  __asm__ volatile("mov %1, %%r13\n\t notq %%r13\n\t movl $1, %0\n1: cmpl $2, %0\n\t jne 1b\n\t xor %%r13d, %%r13d" : "+m"(phase) : "m"(secret[7]) : "r13", "memory", "cc");
  return unused;
}
__attribute__((noinline)) static void *hold_in_vector(void *unused) {
  __asm__ volatile("mov %1, %%rax\n\t notq %%rax\n\t movq %%rax, %%xmm5\n\t xor %%eax, %%eax\n\t movl $1, %0\n1: cmpl $2, %0\n\t jne 1b\n\t pxor %%xmm5, %%xmm5" : "+m"(phase) : "m"(secret[7]) : "rax", "xmm5", "memory", "cc");
  return unused;
}
__attribute__((noinline)) static void *hold_on_stack(void *unused) {
  struct node *volatile held = at(7);
  phase = 1;
  while (phase != 2) usleep(500);
  held = NULL;
  return (void)held, unused;
}
static int was_held;
__attribute__((noinline)) static void *hold_in_variable(void *unused) {
  struct node *volatile held = at(7), *volatile other = at(8);
  wipe();
  phase = 1;
  while (phase != 2) continue;
  was_held = held == at(7) && other == at(8);
  held = other = NULL;
  return (void)held, unused;
}
static int is_at(const void *p, long distance) { return moving.obstacle.at == p && moving.obstacle.value == (char *)at(7) + distance && is_sound(); }
static const char *allocator_of(int i) { return alloc_get_allocator(at(i))->name; }
static const char *kind(void) { return alloc_obstacle_message(moving.obstacle.kind); }

static char bytes[32] __attribute__((aligned(16)));
static union { struct node *pointer; long number; } either;
static struct { struct node *sealed; char rest[4088]; } page __attribute__((aligned(4096)));
static long *array;
struct ends { long *begin, *middle, *end; };
static struct ends ends;
__attribute__((noinline)) static void make_array(void) {
  array = malloc(100 * sizeof *array);
  for (int i = 0; i < 100; ++i) array[i] = i;
  ends = (struct ends){array, array + 50, array + 100};
}
__attribute__((noinline)) static void make_aligned(void) { secret[0] = ~(uintptr_t)memset(aligned_alloc(256, 512), 0, 512); }
__attribute__((noinline)) static int grow_array(void) {
  void *base = NULL;
  return alloc_resize_moving(ends.begin, 3000 * sizeof(long), &moving, &base);
}
__attribute__((noinline)) static int keep_local(int i) {
  struct node *local = at(i), *other = at((i + 1) % N);
  const struct node *before = other;
  int error = clean_migrate(i, NULL);
  return error == 0 && local == at(i) && other == before;
}
/* Memory full of a node's address is free again; malloc gives some of it to what moves, a little more than is asked for. */
__attribute__((noinline)) static void leave_addresses(void) {
  enum { BLOCKS = 200 };
  static uintptr_t *made[BLOCKS];
  for (int i = 0; i < BLOCKS; ++i) {
    made[i] = malloc(sizeof(struct node));
    for (size_t k = 0; k < malloc_usable_size(made[i]) / sizeof *made[i]; ++k) made[i][k] = ~secret[7];
  }
  for (int i = 0; i < BLOCKS; ++i) free(made[i]), made[i] = NULL;
}
__attribute__((noinline)) static int move_into_old_memory(void) {
  static struct node *others[10];
  static void *volatile between[10];
  int moved = 0;
  /* What lies at a multiple of 32 is given such a place again, which malloc cuts out of its largest memory: so half of them do not. */
  for (int i = 0; i < 10; ++i) others[i] = calloc(1, sizeof *others[i]), between[i] = malloc(40);
  leave_addresses();
  for (int i = 0; i < 10; ++i) {
    void *base;
    wipe();
    moved += alloc_migrate(others[i], NULL, &moving, &base) == 0;
  }
  for (int i = 0; i < 10; ++i) free(between[i]), between[i] = NULL;
  return moved != 10 ? moving.obstacle.kind : clean_migrate(7, NULL);
}
static struct alloc_move moves[N + 1];
static size_t last_failed;
__attribute__((noinline)) static int migrate_named(int count, struct allocator *to) {
  size_t failed = 99;
  for (int i = 0; i < count; ++i) moves[i] = (struct alloc_move){.obj = (char *)at(i % N) + i % 7, .to = to};
  wipe();
  const int error = alloc_migrate_all(moves, (size_t)count, &moving, &failed);
  for (int i = 0; i < N && error == 0; ++i) secret[i] = ~(uintptr_t)moves[i].base;
  last_failed = failed;
  memset(moves, 0, sizeof moves);
  return error;
}
static int migrate_all(int count, struct allocator *to) { return wipe(), migrate_named(count, to); }

int main(void) {
  pthread_t threads[4];
  table = calloc(N, sizeof *table);
  own_root_is = -1;
  for (int i = 0; i < 4; ++i) root_is[i] = -1;
  for (int i = 0; i < N; ++i) make_node(i), table_is[i] = -1;
  for (int i = 0; i < N; ++i) change(i);
  moving.signal = 0;
  printf("alone %d", clean_migrate(3, NULL));
  printf(" %d %d\n", is_sound(), is_node(3));

  pthread_create(&threads[0], NULL, idle, NULL), pthread_create(&threads[1], NULL, idle, NULL);
  printf("no signal %d\n", clean_migrate(3, NULL));
  moving.signal = SIGNAL;
  moving.timeout_ms = 20000;
  int moved = 0, counted = 0, sound = 0;
  for (int i = 0; i < 1500; ++i) {
    const int which = pick(N);
    change(pick(N));
    const unsigned long expected = references_to(which);
    const uintptr_t before = secret[which];
    const int error = clean_migrate(which, NULL);
    if (error != 0 && moved == i) fprintf(stderr, "%d: %d, %s at %p (%s)\n", i, error, kind(), moving.obstacle.at, alloc_get_allocator(moving.obstacle.at) ? alloc_get_allocator(moving.obstacle.at)->name : "?");
    moved += error == 0 && secret[which] != before;
    counted += moving.references == expected;
    sound += is_sound() && is_node(which);
  }
  printf("%d moved, %d counted, %d sound\n", moved, counted, sound);

  printf("all at once: ");
  int error = migrate_all(N, NULL);
  printf("%d %zu %d; twice the same: ", error, last_failed, is_sound());
  error = migrate_all(N + 1, NULL);
  printf("%d %d %d\n", error, last_failed == 0 || last_failed == N, is_sound());
  /* Where the kernel puts a mapping something else may have been before, whose address something still holds: then it stays. */
  int there = 0, back = 0, right_pages = 0;
  for (int i = 20; i < 40; ++i) {
    there += clean_migrate(i, &__mmap_allocator) == 0 && strcmp(allocator_of(i), "mmap") == 0;
    if (i % 2 == 0) continue;
    error = clean_migrate(i, &__default_lib_malloc_allocator);
    back += error == 0;
    right_pages += (error == 0 || error == ALLOC_E_OBSTACLE) && is_sound();
  }
  printf("to pages %d, back %s, right %d; from both: ", there, back > 0 ? "some" : "none", right_pages);
  error = migrate_all(N, &__default_lib_malloc_allocator);
  printf("%d\n", (error == 0 || error == ALLOC_E_OBSTACLE) && is_sound());
  printf("a local variable follows: %d %d\n", keep_local(9), is_sound());
  error = move_into_old_memory();
  printf("into memory full of addresses: %d %d\n", error, is_sound());

  /* what may be a reference */
  struct node *saved = at(7);
  memcpy(bytes + 8, &saved, sizeof saved);
  saved = NULL;
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, is_at(bytes + 8, 0), kind());
  memmove(bytes + 3, bytes + 8, 8), memset(bytes + 11, 0, 8);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, is_at(bytes + 3, 0), kind());
  memset(bytes, 0, sizeof bytes);
  either.pointer = at(7);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, is_at(&either, 0), kind());
  either.pointer = NULL;
  page.sealed = at(7);
  mprotect(&page, sizeof page, PROT_READ);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, is_at(&page, 0), kind());
  mprotect(&page, sizeof page, PROT_READ | PROT_WRITE);
  page.sealed = NULL;
  uintptr_t *mapping = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mapping[5] = ~secret[7] + 16;
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, is_at(mapping + 5, 16), kind());
  mapping[5] = 0;
  pthread_create(&threads[2], NULL, hold_in_register, NULL);
  while (phase != 1) usleep(500);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s, %s\n", error, moving.obstacle.at == NULL && moving.obstacle.thread == tid && is_sound(), kind(), alloc_register_name(moving.obstacle.reg));
  phase = 2;
  pthread_join(threads[2], NULL);
  phase = 0;
  pthread_create(&threads[2], NULL, hold_in_vector, NULL);
  while (phase != 1) usleep(500);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, moving.obstacle.at != NULL && alloc_get_allocator(moving.obstacle.at) == &__stack_allocator && is_sound(), kind());
  phase = 2;
  pthread_join(threads[2], NULL);
  phase = 0;
  pthread_create(&threads[2], NULL, hold_on_stack, NULL);
  while (phase != 1) usleep(500);
  error = clean_migrate(7, NULL);
  printf("%d %d: %s\n", error, moving.obstacle.at != NULL && alloc_get_allocator(moving.obstacle.at) == &__stack_allocator && is_sound(), kind());
  phase = 2;
  pthread_join(threads[2], NULL);

  phase = 0;
  pthread_create(&threads[2], NULL, hold_in_variable, NULL);
  while (phase != 1) usleep(500);
  const uintptr_t before = secret[7];
  error = clean_migrate(7, NULL);
  phase = 2;
  pthread_join(threads[2], NULL);
  printf("a variable of another thread follows: %d %d\n", error == 0 && secret[7] != before && is_sound(), was_held);

  /* blocks that grow */
  make_array();
  uintptr_t old = ~(uintptr_t)array;
  void *never_freed = malloc(1);
  wipe();
  error = grow_array();
  printf("grown %d: %d %d %lu, %d\n", error, (uintptr_t)array != ~old, ends.begin == array && ends.middle == array + 50 && ends.end == array + 100,
         (unsigned long)moving.references, array[99] == 99);
  make_aligned();
  error = clean_migrate(0, NULL);
  printf("aligned %d %d\n", error, ~secret[0] % 256 == 0);
  free(at(0));
  make_node(0);
  for (int i = 0; i < N; ++i) change(i);

  /* refusals */
  void *base;
  printf("%d %d %d %d %d\n", alloc_migrate(main, NULL, &moving, &base), alloc_migrate(&ends, NULL, &moving, &base), alloc_migrate(&base, NULL, &moving, &base),
         alloc_migrate((void *)8, NULL, &moving, &base), alloc_migrate(never_freed, NULL, &moving, NULL));
  printf("%d %d %d\n", alloc_migrate(never_freed, &__stack_allocator, &moving, &base), alloc_migrate(never_freed, &__program_malloc_allocator, &moving, &base),
         alloc_migrate(never_freed, &__mmap_allocator, &moving, &base));
  alloc_stop_others(SIGNAL, 20000, NULL);
  printf("%d\n", migrate(4, NULL));
  alloc_resume_others();
  moving.signal = SIGKILL;
  printf("%d\n", migrate(4, NULL));
  moving.signal = SIGNAL;
  strcpy(memset(never_freed, 0, 1), "");
  error = alloc_migrate(never_freed, NULL, NULL, &base);
  printf("without references %d %d\n", error, base != never_freed);

  /* beside threads that use the heap and the graph */
  pthread_create(&threads[2], NULL, churn, NULL), pthread_create(&threads[3], NULL, traverse, NULL);
  int right = 0;
  for (int i = 0; i < 150; ++i) {
    error = clean_migrate(pick(N), NULL);
    right += (error == 0 || error == ALLOC_E_OBSTACLE || error == ALLOC_E_BEING_RESIZED) && is_sound();
  }
  quit = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("%d of 150 right beside threads\n", right);
  return 0;
}
EOF
build a.c -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
alone 0 1 1
no signal -28
1500 moved, 1500 counted, 1500 sound
all at once: 0 60 1; twice the same: -12 1 1
to pages 20, back some, right 10; from both: 1
a local variable follows: 1 1
into memory full of addresses: 0 1
-29 1: an array of bytes may hold anything
-29 1: an array of bytes may hold anything
-29 1: a union may hold the pointer or something else
-29 1: the pointer lies in memory that cannot be written to
-29 1: nothing tells what lies there
-29 1: a register holds its address, r13
-29 1: nothing tells what lies there
-29 1: nothing tells what lies there
a variable of another thread follows: 1 1
grown 0: 1 1 4, 1
aligned 0 1
-15 -15 -17 -1 -12
-16 -14 -4
-26
-12
without references 0 1
150 of 150 right beside threads
EOF

# Of other mallocs free memory is not told apart: more is refused, and nothing is broken.
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a > out 2> /dev/null || fail "over $malloc: exit status $?"
  expect_line out '* moved, * counted, 1500 sound'
  expect_line out '150 of 150 right beside threads'
done
