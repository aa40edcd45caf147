#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is allocated, resized or freed by the C library's second names (__libc_free), or in a library that was opened with RTLD_DEEPBIND and so
# binds to the C library before us, or by functions that the program asks the C library itself for, is in the index as long as it lives. Over other allocators all these do what they do without us.
. "$(dirname "$0")/lib.sh"

cat > tell.h << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// What holds the last byte of what was a block of that size.
static size_t size_of(const void *block, size_t size) {
  struct alloc_info info;
  return alloc_query((const char *)block + size - 1, 0, &info) == 0 && info.base == block ? info.size : 0;
}
static int is_alive(const void *block, size_t size) { return size_of(block, size) == size; }
END
cat > names.c << 'END'
#include "tell.h"
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t),
    *__libc_valloc(size_t), *__libc_pvalloc(size_t);
extern void __libc_free(void *);
static int site_is_in(const void *block, const void *function) {
  struct alloc_info info;
  return alloc_query(block, 0, &info) == 0 && (uintptr_t)info.site - (uintptr_t)function < 4096;
}
int main(void) {
  void *const made[] = {__libc_malloc(90), __libc_calloc(9, 10), __libc_memalign(64, 90), __libc_valloc(90), __libc_pvalloc(90), __libc_realloc(NULL, 90)};
  for (int i = 0; i < 6; ++i) {
    printf("%d", is_alive(made[i], 90) && site_is_in(made[i], (void *)main));
    void *const resized = __libc_realloc(made[i], 7000);
    printf("%d", is_alive(resized, 7000));
    i % 2 ? free(resized) : __libc_free(resized);
    printf("%zu ", size_of(resized, 90));
  }
  void *const usual = malloc(500);
  __libc_free(usual);
  printf("%zu\n", size_of(usual, 500));
}
END
cat > lib.c << 'END'
#include <pthread.h>
#include <stdlib.h>
void lib_free(void *p) { free(p); }
void *lib_malloc(size_t n) { return malloc(n); }
void *lib_realloc(void *p, size_t n) { return realloc(p, n); }
void *lib_calloc(size_t n) { return calloc(1, n); }
int lib_thread(pthread_t *thread, void *(*start)(void *)) { return pthread_create(thread, NULL, start, NULL); }
END
cat > deep.c << 'END'
#include "tell.h"
#include <pthread.h>
static void *in_thread(void *unused) {
  int local;
  struct alloc_info info;
  printf("%d ", alloc_query(&local, 0, &info) == 0 && strcmp(info.allocator->name, "stackframe") == 0);
  return unused;
}
int main(void) {
  for (int round = 0; round < 3; ++round) {
    void *const library = dlopen("./lib.so", RTLD_NOW | RTLD_DEEPBIND);
    void (*const lib_free)(void *) = (void (*)(void *))dlsym(library, "lib_free");
    void *(*const lib_malloc)(size_t) = (void *(*)(size_t))dlsym(library, "lib_malloc");
    void *(*const lib_calloc)(size_t) = (void *(*)(size_t))dlsym(library, "lib_calloc");
    void *(*const lib_realloc)(void *, size_t) = (void *(*)(void *, size_t))dlsym(library, "lib_realloc");
    int (*const lib_thread)(pthread_t *, void *(*)(void *)) = (int (*)(pthread_t *, void *(*)(void *)))dlsym(library, "lib_thread");
    char *const p = malloc(3000), *const other = malloc(10);
    printf("%d", is_alive(p, 3000));
    lib_free(p);
    printf("%zu", size_of(p, 3000));
    char *const q = lib_malloc(100), *const z = lib_calloc(200);
    printf("%d%d", is_alive(q, 100), is_alive(z, 200));
    char *const r = lib_realloc(q, 5000);
    printf("%d%zu", is_alive(r, 5000), r == q ? 0 : size_of(q, 100));
    free(r), free(z), free(other);
    printf("%zu%zu ", size_of(r, 5000), size_of(z, 200));
    pthread_t thread;
    if (lib_thread(&thread, in_thread) == 0) pthread_join(thread, NULL);
    // Everything else works as before, for who looks for the next definition too.
    void *(*const next)(size_t) = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    void *const by_next = next(70);
    printf("%d\n", is_alive(by_next, 70));
    free(by_next);
    dlclose(library);
  }
}
END
cat > handle.c << 'END'
#include "tell.h"
int main(void) {
  void *const libc = dlopen("libc.so.6", RTLD_LAZY);
  void *(*const c_malloc)(size_t) = (void *(*)(size_t))dlsym(libc, "malloc");
  void *(*const c_realloc)(void *, size_t) = (void *(*)(void *, size_t))dlsym(libc, "realloc");
  void (*const c_free)(void *) = (void (*)(void *))dlsym(libc, "free");
  char *const text = strdup("text"), *const other = malloc(10);
  printf("%d", is_alive(text, 5));
  c_free(text);
  printf("%zu", size_of(text, 5));
  char *const p = c_malloc(60), *const q = c_realloc(p, 4000);
  printf("%d%zu", is_alive(q, 4000), q == p ? 0 : size_of(p, 60));
  c_free(q), free(other);
  printf("%zu\n", size_of(q, 4000));
}
END
$CC -O1 -fno-builtin -shared -fPIC -o lib.so lib.c
build names.c -O1 -fno-builtin
build deep.c -O1 -fno-builtin -pthread -ldl
preload ./names > out
expect out << 'END'
110 110 110 110 110 110 0
END
build handle.c -O1 -fno-builtin -ldl
preload ./handle > out
expect out << 'END'
10100
END
preload ./deep > out
expect out << 'END'
10111000 1 1
10111000 1 1
10111000 1 1
END

# dlopen looks where its caller says.
mkdir sub
cat > caller.c << 'END'
#include <dlfcn.h>
int can_open(int flags) { return dlopen("found.so", RTLD_NOW | flags) != 0; }
END
cat > origin.c << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int can_open(int flags);
int main(void) {
  int by_library = can_open(0) + can_open(RTLD_DEEPBIND);
  printf("%d %d\n", by_library, dlopen("missing.so", RTLD_NOW) != 0 || dlopen("missing.so", RTLD_NOW | RTLD_DEEPBIND) != 0 || dlerror() == 0);
}
END
$CC -shared -fPIC -o sub/found.so lib.c
$CC -shared -fPIC -o sub/caller.so caller.c -Wl,-rpath,'$ORIGIN' -ldl
build origin.c sub/caller.so -Wl,-rpath,"$PWD/sub" -ldl
preload ./origin > out
expect out << 'END'
2 0
END

# With a shim or another allocator: only that they work.
cat > shim.c << 'END'
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), __libc_free(void *);
void free(void *p) { __libc_free(p); }
#ifndef FREE_ONLY
void *malloc(size_t n) { return __libc_malloc(n); }
void *calloc(size_t a, size_t b) { return __libc_calloc(a, b); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
#endif
END
$CC -shared -fPIC -o shim.so shim.c
$CC -shared -fPIC -DFREE_ONLY -o free.so shim.c
for others in ./shim.so ./free.so; do
  for order in "$PRELOAD:$others" "$others:$PRELOAD"; do
    LD_PRELOAD=$order ./names > out || fail "exit status $? of names with $order"
    LD_PRELOAD=$order ./deep > out || fail "exit status $? of deep with $order"
  done
done

# A constructor that runs before ours may be the first to open such a library, or the C library itself.
for opens in '"libc.so.6", RTLD_LAZY' '"./lib.so", RTLD_NOW | RTLD_DEEPBIND'; do
  cat > early.c << END
#define _GNU_SOURCE
#include <dlfcn.h>
__attribute__((constructor)) static void first(void) { dlopen($opens); }
int early;
END
  cat > late.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
extern int early;
int main(void) {
  char *block = malloc(30 + early);
  block = realloc(block, 300);
  const size_t size = alloc_get_size(block + 10);
  free(block);
  return printf("%zu %zu\n", size, alloc_get_size(block + 10) == 300 ? size : 0), 0;
}
END
  $CC -shared -fPIC -o early.so early.c -ldl
  build late.c -O1 -fno-builtin ./early.so
  preload ./late > out || fail "exit status $? when a constructor opens $opens"
  expect out << 'END'
300 0
END
done
