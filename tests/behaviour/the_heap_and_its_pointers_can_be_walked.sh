#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program walks over all blocks of its heap, also while other threads change it, and over the pointers of an object.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct leaf { int number; double weight[3]; };
struct node {
  struct node *next;
  union { struct leaf *leaf; char *text; } of;
  struct { int used; void *slots[3]; } table[2];
  int plain[8];
};

struct seen { long nodes, leaves, blocks; const void *last; int ordered, stop_after; };
static int count(const struct alloc_info *block, void *context) {
  struct seen *seen = context;
  if (block->base <= seen->last) seen->ordered = 0;
  seen->last = block->base;
  ++seen->blocks;
  if (block->type != NULL && strcmp(uniqtype_name(block->type), "node") == 0 && block->size == sizeof(struct node)) ++seen->nodes;
  if (block->type != NULL && strcmp(uniqtype_name(block->type), "leaf") == 0) ++seen->leaves;
  free(malloc(100)); /* the visitor may do what it likes */
  return seen->stop_after != 0 && seen->blocks == seen->stop_after ? 42 : 0;
}
static int print(const struct alloc_reference *reference, void *context) {
  const char *base = context;
  char type[64];
  uniqtype_describe(reference->type, type, sizeof type);
  printf("%d %s %s\n", (int)((const char *)reference->at - base), type, reference->target == NULL ? "null" : "set");
  return 0;
}
static int stop_at_second(const struct alloc_reference *reference, void *context) {
  (void)reference;
  return ++*(int *)context == 2 ? 7 : 0;
}
static volatile int stop;
static void *churn(void *unused) {
  while (!stop) free(realloc(malloc(30), 3000));
  return unused;
}
static struct node *chain;

int main(int argc, char **argv) {
  for (int i = 0; i < 2000; ++i) {
    struct node *added = calloc(1, sizeof *added);
    added->next = chain;
    chain = added;
    if (i % 4 == 0) {
      struct leaf *leaf = malloc(sizeof *leaf);
      added->of.leaf = leaf;
    }
  }
  for (int i = 0; i < 500; ++i) { struct node *next = chain->next; free(chain->of.leaf); free(chain); chain = next; }
  struct leaf *last = malloc(sizeof *last);
  chain->of.leaf = last;
  chain->table[1].slots[2] = chain;

  struct seen seen = {.ordered = 1};
  int result = alloc_walk_blocks(0, count, &seen);
  printf("%d: %ld nodes, %ld leaves, %s\n", result, seen.nodes, seen.leaves, seen.ordered ? "ordered" : "NOT ordered");
  seen = (struct seen){.stop_after = 3};
  result = alloc_walk_blocks(ALLOC_NOWAIT, count, &seen);
  printf("%d after %ld\n", result, seen.blocks);
  printf("%d\n", alloc_walk_blocks(0, NULL, NULL));

  printf("%d\n", alloc_walk_references((char *)chain + 20, 0, print, chain));
  int calls = 0;
  printf("%d\n", alloc_walk_references(chain, 0, stop_at_second, &calls));
  void *untyped = malloc(123);
  printf("%d %d %d\n", alloc_walk_references(untyped, 0, print, NULL) == ALLOC_E_NO_TYPE,
         alloc_walk_references((void *)3, 0, print, NULL) == ALLOC_E_NOTHING_THERE,
         alloc_walk_references(chain, 0, NULL, NULL) == ALLOC_E_INVALID);
  free(untyped);

  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, churn, NULL);
  int right = 0;
  for (int i = 0; i < 50; ++i) {
    seen = (struct seen){.ordered = 1};
    alloc_walk_blocks(0, count, &seen);
    right += seen.nodes == 1500 && seen.leaves == 376 && seen.ordered;
  }
  stop = 1;
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  printf("%d of 50 right beside three threads\n", right);
  return 0;
}
END
build a.c -pthread
allocs meta build ./a > made
preload ./a > out
expect out <<'END'
0: 1500 nodes, 376 leaves, ordered
42 after 3
-12
0 struct node \* set
8 struct leaf \* set
8 char \* set
24 void \* null
32 void \* null
40 void \* null
56 void \* null
64 void \* null
72 void \* set
0
7
1 1 1
50 of 50 right beside three threads
END
# Without the run time there is nothing to walk over.
cat > alone.c <<'END'
#include <allocs.h>
#include <stdio.h>
static int block(const struct alloc_info *info, void *context) { return info == context; }
static int reference(const struct alloc_reference *info, void *context) { return info == context; }
int main(void) { printf("%d %d\n", alloc_walk_blocks(0, block, NULL), alloc_walk_references("", 0, reference, NULL)); return 0; }
END
build alone.c
./alone > out
expect out <<'END'
-10 -10
END
