/* SPDX-License-Identifier: Apache-2.0 */
/* Heap blocks of the C subject: each kind of call, each shape. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

void note_heap(void);

#define TYPED "heap type"
#define POINT(p) PART(p->x, int) PART(p->y, int)
#define POINTS(p) \
  ELEMENT(p[0], struct point) PARTS_point(p[0]) ELEMENT(p[2], struct point) PARTS_point(p[2])
#define OUTER(p) \
  PART(p->id, long) PART(p->in, struct inner) PARTS_inner(p->in) PART(p->hue, enum colour)
#define INTS(p) ELEMENT(p[0], int) ELEMENT(p[1], int)
#define BYTES(p) ELEMENT(p[0], char)

struct list {
  struct list* next;
  struct outer* payload;
  int value;
};
#define LIST(p) PART(p->next, struct list*) PART(p->payload, struct outer*) PART(p->value, int)

static struct list* head;
static struct point* kept_points;

static void note_calls(size_t n) {
  int* a = malloc(42 * sizeof(int));
  BLOCK(TYPED, a, int, 42 * sizeof(int), 42, INTS)
  struct point* b = malloc(sizeof *b);
  BLOCK(TYPED, b, struct point, sizeof *b, 1, POINT)
  struct point* c = malloc(n * sizeof *c);
  BLOCK(TYPED, c, struct point, n * sizeof *c, n, POINTS)
  struct point* d = calloc(n, sizeof(struct point));
  BLOCK(TYPED, d, struct point, n * sizeof *d, n, POINTS)
  struct outer* e = calloc(1, sizeof *e);
  BLOCK(TYPED, e, struct outer, sizeof *e, 1, OUTER)
  struct point* f = realloc(NULL, 5 * sizeof *f);
  BLOCK(TYPED, f, struct point, 5 * sizeof *f, 5, POINTS)
  int* g = malloc(3 * sizeof *g);
  g = realloc(g, 77 * sizeof *g);
  BLOCK(TYPED, g, int, 77 * sizeof *g, 77, INTS)
  struct point* h = reallocarray(NULL, n, sizeof *h);
  BLOCK(TYPED, h, struct point, n * sizeof *h, n, POINTS)
  struct outer* i = aligned_alloc(64, 2 * sizeof *i);
  BLOCK(TYPED, i, struct outer, 2 * sizeof *i, 2, NO_PARTS)
  double* k = memalign(256, n * sizeof *k);
  BLOCK(TYPED, k, double, n * sizeof *k, n, NO_PARTS)
  struct point* m = NULL;
  if (posix_memalign((void**)&m, 128, 7 * sizeof *m) != 0) abort();
  BLOCK("heap type by reference", m, struct point, 7 * sizeof *m, 7, POINTS)
  char* o = strdup("a text of the heap");
  BLOCK("heap type of a libc call", o, char, sizeof "a text of the heap",
        sizeof "a text of the heap", BYTES)
  char* q = malloc(n * 100);
  BLOCK(TYPED, q, char, n * 100, n * 100, BYTES)
  char** r = malloc((n + 1) * sizeof(char*));
  BLOCK(TYPED, r, char*, (n + 1) * sizeof(char*), n + 1, NO_PARTS)
  int (**s)(int) = malloc(n * sizeof *s);
  BLOCK(TYPED, s, int (*)(int), n * sizeof *s, n, NO_PARTS)
  int(*t)[4] = malloc(n * sizeof *t);
  BLOCK(TYPED, t, int[4], n * sizeof *t, n, NO_PARTS)
}

static void note_shapes(size_t n) {
  void* a = malloc(100);
  BLOCK("heap type of a void *", a, void, 100, 0, NO_PARTS)
  struct flexible* b = malloc(sizeof(struct flexible) + n * sizeof(struct point));
  BLOCK("heap type, flexible", b, struct flexible, sizeof *b + n * sizeof(struct point), 1,
        NO_PARTS)
  PART(b->count, unsigned int)
  ELEMENT(b->items[0], struct point)
  PART(b->items[9].y, int)
  void* c = malloc(0);
  BLOCK("heap type of a void *", c, void, 0, 0, NO_PARTS)
  int* d = malloc(300 * 1024);
  BLOCK(TYPED, d, int, 300 * 1024, 300 * 1024 / sizeof(int), INTS)
  struct outer* e = malloc(40 * 1024 * 1024 / sizeof(struct outer) * sizeof(struct outer));
  BLOCK(TYPED, e, struct outer, 40 * 1024 * 1024 / sizeof(struct outer) * sizeof(struct outer),
        40 * 1024 * 1024 / sizeof(struct outer), NO_PARTS)
  ELEMENT(e[100000], struct outer)
  PART(e[100000].id, long)
  PART(e[5].pair[1].d, double)
  char* f = malloc(1);
  BLOCK(TYPED, f, char, 1, 1, NO_PARTS)
  unsigned char* g = malloc(4097);
  BLOCK(TYPED, g, unsigned char, 4097, 4097, NO_PARTS)
  union number* h = malloc(3 * sizeof *h);
  BLOCK(TYPED, h, union number, 3 * sizeof *h, 3, NO_PARTS)
  complex_t* i = malloc(6 * sizeof *i);
  BLOCK(TYPED, i, complex_t, 6 * sizeof *i, 6, NO_PARTS)
  enum colour* k = malloc(9 * sizeof *k);
  BLOCK(TYPED, k, enum colour, 9 * sizeof *k, 9, NO_PARTS)
  for (size_t size = 1; size < 100; ++size) {
    void* p = malloc(size);
    BLOCK("heap type of a void *", p, void, size, 0, NO_PARTS)
  }
  for (size_t size = 100; size < 2000000; size = size * 5 / 3) {
    void* p = malloc(size);
    BLOCK("heap type of a void *", p, void, size, 0, NO_PARTS)
  }
}

static void note_stores(size_t n) {
  for (int i = 0; i < 3; ++i) {
    struct list* cell = malloc(sizeof(struct list));
    cell->next = head;
    cell->value = i;
    cell->payload = malloc(sizeof *cell->payload);
    head = cell;
    BLOCK(TYPED, cell, struct list, sizeof(struct list), 1, LIST)
    BLOCK("heap type through a member", cell->payload, struct outer, sizeof(struct outer), 1, OUTER)
  }
  kept_points = malloc(n * sizeof *kept_points);
  BLOCK("heap type through a global", kept_points, struct point, n * sizeof *kept_points, n, POINTS)
}

/* Typed only by whom it is returned to. */
__attribute__((noinline)) static void* own_alloc(size_t size) {
  void* p = malloc(size);
  if (p == NULL) abort();
  return p;
}

static void note_wrapped(size_t n) {
  struct point* a = own_alloc(n * sizeof *a);
  BLOCK("heap type through a wrapper", a, struct point, n * sizeof *a, n, POINTS)
  struct outer* b = own_alloc(sizeof(struct outer));
  BLOCK("heap type through a wrapper", b, struct outer, sizeof *b, 1, OUTER)
}

void note_heap(void) {
  volatile size_t n = 10;
  note_calls(n);
  note_shapes(n);
  note_stores(n);
  note_wrapped(n);
}
