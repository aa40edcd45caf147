// SPDX-License-Identifier: Apache-2.0
// usage: walking BLOCKS MEBIBYTES     Walks that many typed blocks, then looks for who refers to one object in a heap of that size.
//
// Prints for each the least milliseconds of three, and how many answers were wrong: "walk 123.4 0", "referrers 456.7 0".
#include <allocs.h>
#include <allocs/walk.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct leaf {
  struct leaf* next;
  long number;
};
struct page {
  struct page* next;
  struct leaf* kept;
  long rest[126];
};

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct leaf* leaves;
static struct page* pages;

static __attribute__((noinline)) struct leaf* make_leaf(struct leaf* next, long number) {
  struct leaf* leaf = malloc(sizeof *leaf);
  leaf->next = next, leaf->number = number;
  return leaf;
}
static __attribute__((noinline)) struct page* make_page(struct page* next, struct leaf* kept,
                                                        long number) {
  struct page* page = malloc(sizeof *page);
  page->next = next, page->kept = kept;
  for (int k = 0; k < 126; ++k) page->rest[k] = number + k;
  return page;
}

struct count {
  const struct uniqtype* wanted;
  long right;
};
static int visit_block(const struct alloc_info* block, void* context) {
  struct count* const count = context;
  count->right += block->type == count->wanted && block->size == sizeof(struct leaf);
  return 0;
}
static int visit_reference(const struct alloc_reference* reference, void* context) {
  (void)reference;
  ++*(long*)context;
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long blocks = atol(argv[1]), mebibytes = atol(argv[2]);
  for (long i = 0; i < blocks; ++i) leaves = make_leaf(leaves, i);
  double least = 1e9;
  long wrong = 0;
  for (int i = 0; i < 3; ++i) {
    struct count count = {alloc_get_type(leaves), 0};
    const double begin = now_ms();
    alloc_walk_blocks(0, visit_block, &count);
    const double took = now_ms() - begin;
    if (took < least) least = took;
    wrong += count.wanted == NULL || count.right != blocks;
  }
  printf("walk %.1f %ld\n", least, wrong);

  struct leaf* const asked = make_leaf(NULL, -1);
  const long number = mebibytes << 10;  // of 1 KiB
  for (long i = 0; i < number; ++i) pages = make_page(pages, i % 1000 == 0 ? asked : NULL, i);
  least = 1e9, wrong = 0;
  for (int i = 0; i < 3; ++i) {
    long found = 0;
    const double begin = now_ms();
    alloc_walk_referrers(asked, 0, visit_reference, &found);
    const double took = now_ms() - begin;
    if (took < least) least = took;
    // And this function's own variable, if the compiler keeps it in memory.
    const long kept = (number + 999) / 1000;
    wrong += found < kept || found > kept + 2;
  }
  printf("referrers %.1f %ld\n", least, wrong);
  return 0;
}
