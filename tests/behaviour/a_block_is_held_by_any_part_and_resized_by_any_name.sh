#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Any byte of a block stands for it when it is held. What resizes it under another name, to several, zeroed or else freed, keeps who holds it; and while
# others are stopped, who may have the holders' table, nothing waits for that.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <allocs/lifetime.h>
#include <allocs/stop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static size_t references_to(const void *p) {
  struct alloc_held_by by[4];
  size_t all = 0;
  for (int i = alloc_get_holders(p, by, 4) - 1; i >= 0; --i)
    if (by[i].holder == alloc_counted_holder()) all += by[i].count;
  return all;
}
int main(void) {
  struct alloc_holder *const count = alloc_counted_holder();
  char *p = malloc(100);
  p[0] = 7;
  size_t right = 0;
  for (int i = 0; i < 100; ++i) right += alloc_hold(p + i, count) == 0 && references_to(p + (i * 37) % 100) == (size_t)i + 1;
  for (int i = 99; i > 0; --i) right += alloc_let_go(p + (i * 61) % 100, count) == 0 && references_to(p) == (size_t)i;
  free(p);
  printf("%zu right, %zu, there %d", right, references_to(p + 3), p[0]);
  void *base;
  printf(", resized %d", alloc_resize(p, 50, 0, &base));
  printf(", %d", alloc_let_go(p + 5, count));
  printf(" %d\n", alloc_get_holders(p, NULL, 0));

  long *held = malloc(40), *other = malloc(40);
  alloc_hold(held, count);
  printf("stop %d:", alloc_stop_others(SIGRTMIN + 3, 0, NULL));
  printf(" %d %d,", alloc_resize(held, 30, 0, &base), alloc_set_type(held, alloc_get_type(other)));
  printf(" %d\n", alloc_resize(other, 30, 0, &base));
  alloc_resume_others();
  printf("%d\n", alloc_resize(held, 30, 0, &base));
  return 0;
}
EOF
build a.c -O1 -Wall -Werror -fno-builtin
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
199 right, 1, there 7, resized -31, 0 -14
stop 0: -26 -26, 0
0
EOF

# A malloc with names of its own, which notices what is freed twice.
cat > m.c <<'EOF'
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
struct head { size_t size, is_free; };
static char pool[1 << 24] __attribute__((aligned(32)));
static size_t used;
static void *make(size_t size) {
  if (size > sizeof pool / 2) return errno = ENOMEM, NULL;
  const size_t room = (size + sizeof(struct head) + 31) / 32 * 32;
  struct head *head = (void *)(pool + __atomic_fetch_add(&used, room, __ATOMIC_RELAXED));
  *head = (struct head){size, 0};
  return head + 1;
}
static void release(void *p) {
  if (p == NULL) return;
  struct head *head = (struct head *)p - 1;
  if (head->is_free) write(1, "FREED TWICE\n", 12);
  head->is_free = 1;
}
static void *resize(void *p, size_t size) {
  void *moved = make(size);
  if (moved == NULL || p == NULL) return moved;
  const size_t old = ((struct head *)p - 1)->size;
  memcpy(moved, p, old < size ? old : size);
  release(p);
  return moved;
}
void *malloc(size_t size) { return make(size); }
void free(void *p) { release(p); }
void *calloc(size_t n, size_t size) { void *p = make(n * size); return p == NULL ? p : memset(p, 0, n * size); }
void *realloc(void *p, size_t size) { return resize(p, size); }
void *memalign(size_t alignment, size_t size) { return (void)alignment, make(size); }
void *aligned_alloc(size_t alignment, size_t size) { return (void)alignment, make(size); }
int posix_memalign(void **p, size_t alignment, size_t size) { return (void)alignment, (*p = make(size)) == NULL ? ENOMEM : 0; }
size_t malloc_usable_size(void *p) { return p == NULL ? 0 : ((struct head *)p - 1)->size; }
void *mi_malloc(size_t size) { return make(size); }
void mi_free(void *p) { release(p); }
void *mi_realloc(void *p, size_t size) { return resize(p, size); }
void *mi_reallocf(void *p, size_t size) {
  void *moved = resize(p, size);
  if (moved == NULL) release(p);
  return moved;
}
void *mi_reallocarray(void *p, size_t n, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(n, size, &all)) return errno = ENOMEM, NULL;
  return resize(p, all);
}
void *mi_rezalloc(void *p, size_t size) {
  const size_t old = p == NULL ? 0 : malloc_usable_size(p);
  char *moved = resize(p, size);
  if (moved != NULL && size > old) memset(moved + old, 0, size - old);
  return moved;
}
EOF
cat > b.c <<'EOF'
#include <allocs/lifetime.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
void *mi_malloc(size_t), *mi_reallocf(void *, size_t), *mi_reallocarray(void *, size_t, size_t), *mi_rezalloc(void *, size_t);
static void gone(void *context, void *block, size_t size) { (void)context, (void)block, printf("gone %zu\n", size); }
int main(void) {
  struct alloc_policy policy = {.size = sizeof policy, .name = "told", .gone = gone};
  struct alloc_holder *told, *count = alloc_counted_holder();
  alloc_register_holder(&policy, &told);
  volatile size_t large = (size_t)1 << 32;
  char *p = mi_malloc(100);
  printf("%d", alloc_hold(p, count));
  printf(" %d", mi_reallocarray(p, large, large) == NULL && errno == ENOMEM);
  printf(" %d", alloc_get_holders(p, NULL, 0));
  printf(" %d", mi_reallocarray(p, (large << 31) + 20, 2) == NULL);
  printf(" %d", alloc_get_holders(p, NULL, 0));
  printf(" %d", mi_reallocarray(p, 10, 5) == p);
  printf(" %d", alloc_get_holders(p, NULL, 0));
  printf(" %d", mi_rezalloc(p, 90) == NULL);
  printf(" %d\n", alloc_get_holders(p, NULL, 0));
  printf("%d", mi_reallocf(p, (size_t)1 << 40) == NULL);
  printf(" %d\n", alloc_get_holders(p, NULL, 0));
  p = mi_malloc(100);
  alloc_hold(p, told), alloc_let_go(p, told);
  printf("%d", mi_reallocf(p, (size_t)1 << 40) == NULL);
  printf(" %d\n", alloc_get_holders(p, NULL, 0));
  p = mi_malloc(100);
  printf("%d", mi_reallocf(p, (size_t)1 << 40) == NULL);
  printf(" %d\n", alloc_get_holders(p, NULL, 0));
  return 0;
}
EOF
"$CC" -shared -fPIC -O1 -fno-builtin -o libm0.so m.c
build b.c -O1 -fno-builtin ./libm0.so
LD_PRELOAD="$PRELOAD:./libm0.so" ./b > out || fail "exit status $?"
expect out <<'EOF'
0 1 2 1 2 1 2 1 2
1 1
gone 100
1 -14
1 -14
EOF
