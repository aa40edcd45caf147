#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same four operations on blocks, mappings and the break; everything else refuses them, and says why.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/move.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct point { int x, y; };
struct large { char bytes[5000]; };
static struct point origin;
static struct large monster;
struct line { long x; } __attribute__((aligned(256)));
static struct { char first; struct line lines[2]; } lines;
static struct { char first; } __attribute__((aligned(8192))) pages;
static double vector __attribute__((vector_size(64)));
static __thread long mine;
extern char **environ;

static void tell(const char *what, const void *obj) {
  struct alloc_info info;
  char type[64];
  alloc_query(obj, 0, &info);
  uniqtype_describe(info.type, type, sizeof type);
  printf("%s: %s, %zu bytes, %s, stated %d\n", what, info.allocator == NULL ? "nothing" : info.allocator->name, info.size, type,
         (info.evidence & ALLOC_EV_STATED) != 0);
}
static void refuse(const char *what, const void *obj) {
  void *base;
  struct uniqtype *point = alloc_get_type(&origin);
  printf("%s:", what);
  int errors[3] = {0};
  errors[0] = alloc_resize(obj, 64, ALLOC_MAY_MOVE, &base), errors[1] = alloc_free(obj), errors[2] = alloc_set_type(obj, point);
  for (int i = 0; i < 3; ++i) printf(" %d", errors[i]);
  printf(" new %d\n", alloc_new(alloc_get_allocator(obj), point, 1, &base));
}
/* How often something of the type is not aligned as it must be, in a lot of others. */
static int misplaced(void *example, size_t alignment) {
  int wrong = 0;
  for (int i = 0; i < 60; ++i) {
    void *at;
    wrong += malloc((size_t)i * 24) == NULL || alloc_new(i % 2 ? &__mmap_allocator : &__default_lib_malloc_allocator, alloc_get_type(example), 1 + i % 3, &at) != 0;
    wrong += (size_t)at % alignment != 0;
    wrong += alloc_migrate(at, NULL, NULL, &at) != 0 || (size_t)at % alignment != 0;
    for (size_t size = 30000; size <= 2000000; size *= 8) wrong += alloc_resize(at, size, ALLOC_MAY_MOVE, &at) != 0 || (size_t)at % alignment != 0;
    wrong += alloc_free(at) != 0;
  }
  return wrong;
}
static volatile int stop;
static void *churn(void *unused) {
  while (!stop) free(realloc(malloc(30), 3000));
  return unused;
}
static void *shared_block;
static int frees[2];
static pthread_barrier_t barrier;
static void *free_it(void *which) {
  pthread_barrier_wait(&barrier);
  frees[(long)which] = alloc_free(shared_block);
  return NULL;
}

int main(int argc, char **argv) {
  struct uniqtype *point = alloc_get_type(&origin), *points = uniqtype_array_of(point, SIZE_MAX), *large = alloc_get_type(&monster);
  void *p, *q;
  int r;
  int local = argc;
  (void)environ;

  puts("malloc");
  printf("%d\n", alloc_new(&__default_lib_malloc_allocator, point, 1, &p));
  tell("one", p);
  struct alloc_info site;
  alloc_query(alloc_get_site(p), 0, &site);
  printf("made in %s\n", site.name);
  printf("%d\n", alloc_new(&__default_lib_malloc_allocator, point, 10, &p));
  ((struct point *)p)[3].y = 42;
  tell("ten", (char *)p + 30);
  r = alloc_resize(p, 4 * sizeof(struct point), 0, &q);
  printf("%d %d\n", r, q == p);
  tell("four, in place", p);
  printf("%d\n", alloc_resize(p, 100000, 0, &q));
  r = alloc_resize((char *)p + 9, 800000, ALLOC_MAY_MOVE, &q);
  printf("%d %d\n", r, ((struct point *)q)[3].y);
  tell("many", q);
  char *untyped = malloc(64);
  tell("untyped", untyped);
  printf("%d\n", alloc_set_type(untyped + 5, points));
  tell("points", untyped);
  printf("%s\n", uniqtype_name(alloc_get_type(untyped)));
  printf("%d\n", alloc_set_type(untyped, point));
  tell("a point", untyped);
  printf("%d %d\n", alloc_set_type(untyped, large), alloc_set_type(untyped, NULL));
  char *again = malloc(64);
  printf("other block of the place: %s\n", uniqtype_name(alloc_get_type(again)));
  printf("%d\n", alloc_free(untyped + 63));
  printf("%d\n", alloc_free(untyped)); /* it is in free memory of the break area now */
  char *third = malloc(64);
  printf("where it was: %d, %s\n", third == untyped, uniqtype_name(alloc_get_type(third)));
  printf("%d %d\n", alloc_new(&__default_lib_malloc_allocator, point, 0, &p), alloc_new(&__default_lib_malloc_allocator, point, SIZE_MAX / 2, &p));
  printf("%d\n", alloc_new(&__program_malloc_allocator, point, 1, &p));
  printf("%d %d\n", alloc_new(NULL, point, 1, &p), alloc_new(&__default_lib_malloc_allocator, NULL, 1, &p));
  printf("%d %d %d\n", alloc_resize(third, 0, 0, &q), alloc_resize(third, 8, 64, &q), alloc_resize(third, 8, 0, NULL));

  puts("mmap");
  printf("%d\n", alloc_new(&__mmap_allocator, point, 1000, &p));
  tell("thousand", (char *)p + 100);
  ((struct point *)p)[999].x = 7;
  r = alloc_resize(p, 100 * 4096, ALLOC_MAY_MOVE, &q);
  printf("%d %d\n", r, ((struct point *)q)[999].x);
  tell("grown", q);
  ((char *)q)[100 * 4096 - 1] = 1;
  printf("%d\n", alloc_resize(q, 4096, 0, &p));
  tell("shrunk", p);
  r = alloc_set_type(p, large);
  printf("%d %d\n", r, alloc_set_type(p, point));
  printf("%d\n", alloc_free(p));
  printf("gone: %d %d\n", alloc_free(p), alloc_resize(p, 8192, 0, &q));
  /* Between pages that cannot be reached: beside others that can be, the kernel would make one mapping of both. */
  char *fence = mmap(NULL, 3 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *anonymous = fence + (1 << 20);
  if (mprotect(anonymous, 1 << 20, PROT_READ | PROT_WRITE) != 0) perror("mprotect");
  printf("%d\n", alloc_set_type(anonymous, point));

  puts("brk");
  struct alloc_info brk, heap, parent;
  alloc_query(third, 0, &heap);
  alloc_get_parent(&heap, 0, &brk);
  const struct alloc_protocol *protocol = alloc_get_protocol(brk.allocator);
  char *before = sbrk(0);
  size_t size = (size_t)(before - (char *)brk.base);
  printf("same size %d", protocol->resize(protocol->context, &brk, size, 0, &p));
  printf(", then smaller %d", protocol->resize(protocol->context, &brk, size - 4096, 0, &p));
  printf(" %ld\n", (long)((char *)sbrk(0) - before));
  printf("%s %d", brk.allocator->name, protocol->resize(protocol->context, &brk, size + 8192, 0, &p));
  printf(" %ld\n", (long)((char *)sbrk(0) - before));
  before[8191] = 1;
  printf("%d", protocol->resize(protocol->context, &brk, size + 4096, 0, &p));
  printf(" %ld\n", (long)((char *)sbrk(0) - before));
  printf("%d", protocol->resize(protocol->context, &brk, size, 0, &p));
  printf(" %ld\n", (long)((char *)sbrk(0) - before));
  printf("%d %d\n", protocol->resize(protocol->context, &brk, size - 4096, 0, &p), protocol->release == NULL);
  for (int i = 0; i < 1000; ++i) free(malloc((size_t)i * 100));
  alloc_get_parent(&heap, 0, &brk); /* the one of before had another size */
  alloc_get_parent(&brk, 0, &parent);
  protocol = alloc_get_protocol(parent.allocator);
  printf("%d: its mapping\n", protocol->release(protocol->context, &parent));

  puts("refused");
  refuse("function", (void *)main);
  refuse("variable", &origin);
  refuse("local", &local);
  refuse("thread-local", &mine);
  refuse("argv", argv);
  refuse("nothing", (void *)8);

  printf("misplaced: %d %d %d\n", misplaced(&lines, 256), misplaced(&pages, 8192), misplaced(&vector, 64));

  pthread_t threads[2];
  pthread_create(&threads[0], NULL, churn, NULL);
  int right = 0;
  for (int i = 0; i < 300; ++i) {
    right += alloc_new(&__default_lib_malloc_allocator, point, 5, &p) == 0 && alloc_get_type(p) == points &&
             alloc_resize(p, 8000, ALLOC_MAY_MOVE, &p) == 0 && alloc_get_type(p) == points && alloc_set_type(p, point) == 0 &&
             alloc_get_type(p) == point && alloc_free(p) == 0;
  }
  stop = 1;
  pthread_join(threads[0], NULL);
  int once = 0;
  for (int i = 0; i < 200; ++i) {
    alloc_new(&__default_lib_malloc_allocator, point, 3, &shared_block);
    pthread_barrier_init(&barrier, NULL, 2);
    for (long k = 0; k < 2; ++k) pthread_create(&threads[k], NULL, free_it, (void *)k);
    for (int k = 0; k < 2; ++k) pthread_join(threads[k], NULL);
    once += (frees[0] == 0) + (frees[1] == 0) == 1;
  }
  printf("%d of 300 right beside a thread, %d of 200 freed once by two\n", right, once);
  return 0;
}
EOF
build a.c -pthread -Wall -Werror -Wno-free-nonheap-object
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
malloc
0
one: __default_lib_malloc, 8 bytes, struct point, stated 1
made in main
0
ten: __default_lib_malloc, 80 bytes, struct point\[\], stated 1
0 1
four, in place: __default_lib_malloc, 32 bytes, struct point\[\], stated 1
-21
0 42
many: __default_lib_malloc, 800000 bytes, struct point\[\], stated 1
untyped: __default_lib_malloc, 64 bytes, *, stated 0
0
points: __default_lib_malloc, 64 bytes, struct point\[\], stated 1
__ARR0_point
0
a point: __default_lib_malloc, 64 bytes, struct point, stated 1
-22 -12
other block of the place: *
0
-14
where it was: 1, *
-12 -12
-14
-12 -12
-12 -12 -12
mmap
0
thousand: mmap, 8192 bytes, struct point\[\], stated 1
0 7
grown: mmap, 409600 bytes, struct point\[\], stated 1
0
shrunk: mmap, 4096 bytes, struct point\[\], stated 1
-22 0
0
gone: -1 -1
-23
brk
same size 0, then smaller -20 0
brk 0 8192
0 4096
0 0
-20 1
-18: its mapping
refused
function: -15 -15 -15 new -15
variable: -15 -15 -15 new -15
local: -17 -17 -17 new -17
thread-local: -16 -16 -16 new -16
argv: -18 -18 -18 new -18
nothing: -1 -1 -1 new -12
misplaced: 0 0 0
300 of 300 right beside a thread, 200 of 200 freed once by two
EOF
