#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# However many threads are inside realloc at once, their blocks are "being resized", and nothing else is.
. "$(dirname "$0")/lib.sh"

# A malloc whose realloc waits until it may go on.
cat > slow.c << 'END'
#include <errno.h>
#include <semaphore.h>
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
sem_t *slow_is_in, *slow_may_go;
void *malloc(size_t n) { return __libc_malloc(n); }
void free(void *p) { __libc_free(p); }
void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
void *memalign(size_t a, size_t n) { return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { return (*p = __libc_memalign(a, n)) != NULL ? 0 : ENOMEM; }
size_t malloc_usable_size(void *p) { return p == NULL ? 0 : ((size_t *)p)[-1] / 16 * 16 - 8; }
void *realloc(void *p, size_t n) {
  if (slow_is_in != NULL) sem_post(slow_is_in), sem_wait(slow_may_go);
  return __libc_realloc(p, n);
}
END
$CC -g -shared -fPIC -o slow.so slow.c -pthread

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
enum { threads = 150 };
extern sem_t *slow_is_in, *slow_may_go;
static char *blocks[threads];
static void *resize(void *block) { return realloc(block, 5000); }
static int ask(const char *mapped, const char *other) {
  struct alloc_info info;
  int wrong = 0;
  for (unsigned flags = 0; flags < 2; ++flags) {
    wrong += alloc_query(mapped + 100, flags, &info) != (flags == 0 ? ALLOC_OK : ALLOC_E_NOT_YET);
    wrong += alloc_query((void *)0x10000, flags, &info) != (flags == 0 ? ALLOC_E_NOTHING_THERE : ALLOC_E_NOT_YET);
    wrong += alloc_query(other + 10, flags, &info) != ALLOC_OK || info.size != 77;
    for (int i = 0; i < threads; ++i) wrong += alloc_query(blocks[i] + 10, flags, &info) != ALLOC_E_BEING_RESIZED;
  }
  return wrong;
}
int main(void) {
  static pthread_t each[threads];
  static sem_t is_in, may_go;
  sem_init(&is_in, 0, 0), sem_init(&may_go, 0, 0);
  char *mapped = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *other = malloc(77);
  for (int i = 0; i < threads; ++i) blocks[i] = malloc(300);
  slow_may_go = &may_go, slow_is_in = &is_in;
  for (int i = 0; i < threads; ++i) pthread_create(&each[i], NULL, resize, blocks[i]);
  for (int i = 0; i < threads; ++i) sem_wait(&is_in);
  const int wrong = ask(mapped, other);
  const pid_t child = fork();
  if (child == 0) _exit(ask(mapped, other));
  int status, wrong_afterwards = 0;
  waitpid(child, &status, 0);
  for (int i = 0; i < threads; ++i) sem_post(&may_go);
  for (int i = 0; i < threads; ++i) {
    void *block;
    pthread_join(each[i], &block);
    wrong_afterwards += alloc_get_size(block) != 5000;
  }
  return printf("%d wrong, child %d, afterwards %d wrong\n", wrong, status, wrong_afterwards), 0;
}
END
build a.c -O1 -pthread ./slow.so -Wl,-rpath,'$ORIGIN'
preload timeout 60 ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
0 wrong, child 0, afterwards 0 wrong
END
