#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tree is walked depth first, unions and bit-fields tell all that covers a byte, and pointers are followed from the roots and back.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/allocator.h>
#include <allocs/walk.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct leaf { int number; };
struct node {
  struct node *next;
  struct leaf *leaf;
  union { int whole; struct { unsigned low : 3, high : 5; } bits; char bytes[4]; } of;
};
static struct node *chain;
static struct node lone = {.of = {.whole = 5}};
static __thread struct leaf *mine;
static union { struct { long n; char *p; } pair; struct node *whole; } either;

static int print_covering(const struct alloc_subobject *sub, void *context) {
  (void)context;
  char type[64];
  uniqtype_describe(sub->type, type, sizeof type);
  printf("  %u %s [%ld] %s +%ld", sub->depth, sub->name == NULL ? "-" : sub->name, (long)sub->index, type, (long)((char *)sub->base - (char *)&lone));
  printf(sub->bit_size != 0 ? " bits %u at %u\n" : "\n", sub->bit_size, sub->bit_offset);
  return 0;
}
static int covering_in_handler;
static int count_covering(const struct alloc_subobject *sub, void *context) { return (void)sub, ++*(int *)context, 0; }
static void handler(int number) {
  (void)number;
  covering_in_handler = 0;
  alloc_walk_covering(&lone.of, -1, ALLOC_NOWAIT, count_covering, &covering_in_handler);
}

struct tally { long allocations, subobjects, blocks, nodes, statics, frames, wrong, deep; };
static int tally(const struct alloc_step *step, void *context) {
  struct tally *tally = context;
  if (step->subobject != NULL) {
    ++tally->subobjects;
    if (step->above == NULL || step->allocation.base > step->subobject->base) ++tally->wrong;
    return 0;
  }
  ++tally->allocations;
  const char *name = step->allocation.allocator->name;
  if (step->above != NULL && (step->allocation.base < step->above->allocation.base || step->allocation.depth != step->above->allocation.depth + 1)) ++tally->wrong;
  if (step->allocation.depth != step->depth) ++tally->wrong;
  if (strcmp(name, "__default_lib_malloc") == 0) ++tally->blocks;
  if (step->allocation.type != NULL && strcmp(uniqtype_name(step->allocation.type), "node") == 0) ++tally->nodes;
  if (step->allocation.base == &lone) ++tally->statics;
  if (strcmp(name, "stackframe") == 0) ++tally->frames;
  return 0;
}
static int prune_all(const struct alloc_step *step, void *context) {
  ++*(long *)context;
  return step->depth == 0 ? ALLOC_WALK_PRUNE : 99;
}
static int stop_at(const struct alloc_step *step, void *context) { return step->allocation.base == context ? 7 : 0; }
static int count_block(const struct alloc_info *block, void *context) { return (void)block, ++*(long *)context, 0; }

struct seen { const void *at[64]; int count, typed; };
static int referrer(const struct alloc_reference *reference, void *context) {
  struct seen *seen = context;
  if (seen->count < 64) seen->at[seen->count] = reference->at;
  ++seen->count;
  seen->typed += reference->type != NULL;
  return 0;
}
static int has(const struct seen *seen, const void *at) {
  for (int i = 0; i < seen->count && i < 64; ++i) if (seen->at[i] == at) return 1;
  return 0;
}
struct graph { long reached, nodes, distance_sum; uint64_t last; int ordered; };
static int reach(const struct alloc_reached *reached, void *context) {
  struct graph *graph = context;
  if (reached->distance < graph->last) graph->ordered = 0;
  graph->last = reached->distance;
  ++graph->reached;
  if (reached->block.type != NULL && strcmp(uniqtype_name(reached->block.type), "node") == 0) ++graph->nodes;
  return 0;
}
static volatile int stop;
static void *churn(void *unused) {
  while (!stop) free(realloc(malloc(30), 3000));
  return unused;
}
__attribute__((noinline)) static void grow(int n) {
  for (int i = 0; i < n; ++i) {
    struct node *added = calloc(1, sizeof *added);
    added->next = chain;
    chain = added;
  }
}
__attribute__((noinline)) static void wipe(void) { volatile char dead[4096]; memset((char *)dead, 0, sizeof dead); }

__attribute__((noinline)) static void hang(void) { chain->next->next->leaf = malloc(sizeof(struct leaf)); }
__attribute__((noinline)) static int route(struct alloc_reference *steps) {
  wipe();
  return alloc_find_route(chain->next->next->leaf, 0, steps, 8);
}

static char *bytes;
static int *integers;
__attribute__((noinline)) static void hide(void) {
  struct node *in_bytes = calloc(1, sizeof *in_bytes), *in_integers = calloc(1, sizeof *in_integers);
  bytes = malloc(100), integers = malloc(10 * sizeof *integers);
  memset(bytes, 0, 100), memset(integers, 0, 10 * sizeof *integers);
  memcpy(bytes + 16, &in_bytes, sizeof in_bytes), memcpy(integers + 4, &in_integers, sizeof in_integers);
}

int main(void) {
  grow(100);
  hang(), wipe();
  struct leaf **hidden = malloc(sizeof *hidden);
  mine = malloc(sizeof *mine);
  *hidden = mine;

  puts("whole byte");
  alloc_walk_covering(&lone.of, -1, 0, print_covering, NULL);
  puts("bit 4");
  alloc_walk_covering(&lone.of, 4, 0, print_covering, NULL);
  printf("%d %d %d\n", alloc_walk_covering(&lone, 8, 0, print_covering, NULL), alloc_walk_covering(&lone, 0, 0, NULL, NULL),
         alloc_walk_covering((void *)8, 0, 0, print_covering, NULL));
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("from a handler: %d\n", covering_in_handler);

  struct tally all = {0};
  int result = alloc_walk_tree(NULL, ALLOC_WALK_SUBOBJECTS, tally, &all);
  printf("%d: %s blocks, %ld nodes, %ld static, %s frames, %ld wrong, %s\n", result, all.blocks > 100 ? "over 100" : "few", all.nodes, all.statics,
         all.frames >= 1 ? "some" : "no", all.wrong, all.subobjects > all.nodes * 6 ? "with members" : "without");
  long visits = 0;
  struct alloc_info info;
  alloc_query(chain, 0, &info);
  result = alloc_walk_tree(&info, ALLOC_WALK_SUBOBJECTS, prune_all, &visits);
  printf("%d %ld\n", result, visits);
  printf("%d %d %d\n", alloc_walk_tree(NULL, 0, stop_at, &lone), alloc_walk_tree(NULL, 64, stop_at, NULL), alloc_walk_tree(NULL, 0, NULL, NULL));
  struct node *gone = malloc(sizeof *gone);
  alloc_query(gone, 0, &info);
  free(gone);
  printf("%d\n", alloc_walk_tree(&info, 0, stop_at, NULL));
  long of_type = 0;
  printf("%d ", alloc_walk_blocks_of_type(alloc_get_type(chain), 0, count_block, &of_type));
  printf("%ld %d\n", of_type, alloc_walk_blocks_of_type(NULL, 0, count_block, &of_type));

  wipe();
  struct seen seen = {0};
  either.whole = chain->next->next;
  result = alloc_walk_referrers(chain->next->next, 0, referrer, &seen);
  printf("%d: from the chain %d, from a union whose other member begins with a number %d, typed %d\n", result, has(&seen, &chain->next->next),
         has(&seen, &either), seen.typed);
  either.whole = NULL;
  seen = (struct seen){0};
  alloc_walk_referrers(&lone, 0, referrer, &seen);
  printf("%d %d\n", alloc_walk_referrers(chain, 1, referrer, NULL), alloc_walk_referrers((void *)8, 0, referrer, NULL));
  seen = (struct seen){0};
  alloc_walk_referrers(mine, 0, referrer, &seen);
  printf("thread-local %d, block %d\n", has(&seen, &mine), has(&seen, hidden));

  struct graph graph = {.ordered = 1};
  result = alloc_walk_graph(0, reach, &graph);
  printf("%d: %ld nodes, %s\n", result, graph.nodes, graph.ordered ? "nearest first" : "UNORDERED");
  struct alloc_reference steps[8];
  result = route(steps);
  struct leaf *hung = chain->next->next->leaf;
  if (steps[0].at == &chain)
    printf("%d: chain, next %d, next %d, leaf %d, there %d\n", result, steps[1].at == &chain->next, steps[2].at == &chain->next->next,
           steps[3].at == &chain->next->next->leaf, steps[3].target == hung);
  else
    printf("%d from %p, in %s\n", result, steps[0].at, steps[0].at == NULL ? "a register" : alloc_get_allocator(steps[0].at)->name);
  printf("%d %d %d\n", alloc_find_route(&lone, 0, steps, 8), alloc_find_route(hung, 0, NULL, 8), alloc_walk_graph(1, reach, &graph));

  /* A block of bytes may hold a pointer, one of numbers holds none. */
  graph = (struct graph){.ordered = 1};
  alloc_walk_graph(0, reach, &graph);
  long before = graph.nodes;
  hide();
  wipe();
  graph = (struct graph){.ordered = 1};
  alloc_walk_graph(0, reach, &graph);
  printf("%ld more\n", graph.nodes - before);

  pthread_t thread;
  pthread_create(&thread, NULL, churn, NULL);
  int right = 0;
  for (int i = 0; i < 10; ++i) {
    graph = (struct graph){.ordered = 1};
    all = (struct tally){0};
    right += alloc_walk_graph(0, reach, &graph) == 0 && graph.nodes >= 101 && alloc_walk_tree(NULL, 0, tally, &all) == 0 && all.nodes == 103 && all.wrong == 0;
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("%d of 10 right beside a thread\n", right);
  return 0;
}
EOF
build a.c -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
whole byte
  1 of \[2\] * +16
  2 whole \[0\] int +16
  2 bits \[1\] * +16
  3 low \[0\] * +16 bits 3 at 0
  3 high \[1\] * +16 bits 5 at 3
  2 bytes \[2\] char\[4\] +16
  3 - \[0\] char +16
bit 4
  1 of \[2\] * +16
  2 whole \[0\] int +16
  2 bits \[1\] * +16
  3 high \[1\] * +16 bits 5 at 3
  2 bytes \[2\] char\[4\] +16
  3 - \[0\] char +16
-12 -12 -1
from a handler: 7
0: over 100 blocks, 101 nodes, 1 static, some frames, 0 wrong, with members
0 1
7 -12 -12
-1
0 100 -12
0: from the chain 1, from a union whose other member begins with a number 1, typed *
-12 -1
thread-local 1, block 1
0: 100 nodes, nearest first
4: chain, next 1, next 1, leaf 1, there 1
-14 -12 -12
1 more
10 of 10 right beside a thread
EOF
