/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocates through wrappers of many kinds, one in a function of its own, and prints for each whether the site is in that function, and
 * the type. Every one twice: the second time with what the first made known. */
#include <allocs.h>
#include <stdio.h>
#include <string.h>

struct point {
  double x, y;
};
struct list {
  struct list* next;
  int value;
};

static int failures, blocks_made;
static void fail(void) {
  ++failures;
  abort();
}
#define WRAPPER __attribute__((noinline)) void*
WRAPPER xmalloc(size_t size) {
  void* block = malloc(size);
  if (!block) fail();
  return block;
}
WRAPPER xcalloc(size_t count, size_t size) {
  void* block = calloc(count, size);
  if (!block) fail();
  return block;
}
WRAPPER xrealloc(void* old, size_t size) {
  void* block = realloc(old, size);
  if (!block) fail();
  return block;
}
/* A wrapper of a wrapper. */
WRAPPER counted(size_t size) {
  void* block = xmalloc(size);
  ++blocks_made;
  return block;
}
/* Optimised, these are jumps. */
WRAPPER jumps(size_t size) { return malloc(size); }
WRAPPER jumps_twice(size_t size) { return xmalloc(size); }
/* This one is no function at all when optimised. */
static inline void* inlined(size_t size) {
  void* block = malloc(size);
  if (!block) fail();
  return block;
}

static void tell(const char* name, const void* function, void* block) {
  struct alloc_info info;
  alloc_query(block, 0, &info);
  const long distance = (const char*)info.site - (const char*)function;
  printf("%s: %s, %s\n", name, 0 < distance && distance < 250 ? "here" : "elsewhere",
         info.type ? uniqtype_name(info.type) : alloc_error_message(info.type_error));
}
#define MAKER(name, type, call)                \
  __attribute__((noinline)) type* name(void) { \
    type* p = call;                            \
    __asm__ volatile("" : "+r"(p));            \
    return p;                                  \
  }
MAKER(one, struct point, xmalloc(sizeof *p))
MAKER(array, struct point, xmalloc(10 * sizeof *p))
MAKER(cleared, struct list, xcalloc(3, sizeof *p))
MAKER(grown, struct list, xrealloc(xrealloc(NULL, sizeof *p), 2 * sizeof *p))
MAKER(chained, struct list, counted(sizeof *p))
MAKER(jumped, struct point, jumps(sizeof *p))
MAKER(jumped_twice, struct point, jumps_twice(sizeof *p))
MAKER(in_line, struct point, inlined(sizeof *p))

int main(void) {
  for (int time = 0; time < 2; ++time) {
    void* blocks[] = {one(),     array(),  cleared(),      grown(),
                      chained(), jumped(), jumped_twice(), in_line()};
    tell("one", one, blocks[0]);
    tell("array", array, blocks[1]);
    tell("cleared", cleared, blocks[2]);
    tell("grown", grown, blocks[3]);
    tell("chained", chained, blocks[4]);
    tell("jumped", jumped, blocks[5]);
    tell("jumped_twice", jumped_twice, blocks[6]);
    tell("in_line", in_line, blocks[7]);
  }
  return 0;
}
