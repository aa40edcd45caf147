// SPDX-License-Identifier: Apache-2.0
// A preload library that interposes the four functions and remembers nothing: what no preload library can go below.
#include <stddef.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void __libc_free(void*);

void* malloc(size_t size) {
  void* block = __libc_malloc(size);
  __asm__ volatile("" : "+r"(block));  // as a library that records has to: no tail call
  return block;
}
void* calloc(size_t count, size_t size) {
  void* block = __libc_calloc(count, size);
  __asm__ volatile("" : "+r"(block));
  return block;
}
void* realloc(void* old, size_t size) {
  void* block = __libc_realloc(old, size);
  __asm__ volatile("" : "+r"(block));
  return block;
}
void free(void* block) { __libc_free(block); }
