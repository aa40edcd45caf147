#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An allocator that defines only some of malloc's family, before us, behind us, linked or in the executable: for each of the other functions
# the program gets what it gets without us.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
  volatile size_t too_many = -1;
  char *p = malloc(10);
  strcpy(p, "text");
#ifndef OWN
  printf("malloc_usable_size %zu\n", malloc_usable_size(p));
#endif
  p = reallocarray(p, 100, 7);
  printf("reallocarray %s\n", p);
  errno = 0;
  printf("too many %d %d\n", reallocarray(p, too_many, 7) == NULL, errno == ENOMEM);
  p = realloc(p, 5000);
  printf("realloc %s\n", p);
  free(p);
  p = reallocarray(NULL, 3, 3);
  free(p);
  p = calloc(3, 5);
  printf("calloc %d\n", p != NULL && p[14] == 0);
  free(p);
#ifndef OWN
  void *aligned = NULL;
  printf("posix_memalign %d\n", posix_memalign(&aligned, 64, 100));
  free(aligned);
  printf("memalign %d\n", (aligned = memalign(24, 100)) != NULL);
  free(aligned);
  printf("aligned_alloc %d\n", (aligned = aligned_alloc(64, 128)) != NULL);
  free(aligned);
  printf("valloc %d\n", (aligned = valloc(100)) != NULL);
  free(aligned);
  printf("pvalloc %d\n", (aligned = pvalloc(100)) != NULL);
  free(aligned);
#endif
  return 0;
}
END
cat > shim.c << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#define NEXT(type, name, ...)                        \
  static type(*name##_next)(__VA_ARGS__);            \
  if (!name##_next) name##_next = dlsym(RTLD_NEXT, #name)
#if PARTS & 1
void *malloc(size_t n) { NEXT(void *, malloc, size_t); return malloc_next(n); }
#endif
#if PARTS & 2
void free(void *p) { NEXT(void, free, void *); free_next(p); }
#endif
#if PARTS & 4
void *realloc(void *p, size_t n) { NEXT(void *, realloc, void *, size_t); return realloc_next(p, n); }
#endif
#if PARTS & 8
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), __libc_free(void *);
void *malloc(size_t n) { return __libc_malloc(n); }
void free(void *p) { __libc_free(p); }
void *calloc(size_t a, size_t b) { return __libc_calloc(a, b); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
#endif
END
cat > own.c << 'END'
// A heap that only its own functions understand.
#include <stddef.h>
#include <string.h>
static char pool[1 << 20];
static size_t used;
void *malloc(size_t n) {
  size_t *p = (void *)(pool + used);
  used += ((n + 15) & ~15ul) + 16;
  p[0] = n;
  return p + 2;
}
void free(void *p) { (void)p; }
void *calloc(size_t a, size_t b) { return malloc(a * b); }
void *realloc(void *p, size_t n) {
  void *q = malloc(n);
  if (p) memcpy(q, p, ((size_t *)p)[-2] < n ? ((size_t *)p)[-2] : n);
  return q;
}
END

# alike PRELOADS PROGRAM ARGUMENT...   P in PRELOADS stands for us, and for nobody when the program runs alone
alike() {
  preloads=$1
  shift
  alone=0 guest=0
  timeout 20 env LD_PRELOAD="$(echo "$preloads" | sed 's/\bP\b//')" "$@" > alone.out 2> alone.err || alone=$?
  timeout 20 env LD_PRELOAD="$(echo "$preloads" | sed "s|\bP\b|$PRELOAD|")" "$@" > guest.out 2> guest.err || guest=$?
  [ "$alone" = 0 ] || fail "'$*' with $preloads fails alone: $alone"
  [ "$guest" = 0 ] || fail "'$*' with $preloads: exit status $guest $(cat guest.err)"
  cmp alone.out guest.out || fail "'$*' with $preloads: $(diff alone.out guest.out)"
}

$CC -O1 -fno-builtin -o a a.c
for parts in 1 2 3 4 7 8; do
  $CC -shared -fPIC -DPARTS=$parts -o shim$parts.so shim.c -ldl
  $CC -O1 -fno-builtin -o linked$parts a.c -Wl,--no-as-needed "$PWD/shim$parts.so"
  alike "P:$PWD/shim$parts.so" ./a
  alike "$PWD/shim$parts.so:P" ./a
  alike P ./linked$parts
done
$CC -O1 -fno-builtin -DOWN -o with_own a.c own.c
alike P ./with_own

# Coreutils resize with reallocarray.
mkdir files
seq 1 3000 | sed 's|^|files/a_|' | xargs touch
seq 1 50000 > numbers
for malloc in $(other_mallocs); do
  alike "$malloc:P" ls -l --color=always files
  alike "$malloc:P" sort -r numbers
  alike "P:$malloc" ls -l --color=always files
done
