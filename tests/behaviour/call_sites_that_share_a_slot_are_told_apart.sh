#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Call sites that lie a multiple of 128 KiB apart share a slot of the site cache, of malloc and calloc as of operator new, in the program, in
# libraries that come and go, and in code made at run time: each block has its own site, however often they take turns.
. "$(dirname "$0")/lib.sh"

cat > makers.h << 'END'
// Two functions of the same code, 128 KiB apart.
#include <stdlib.h>
#define MAKER(name, make)                                                                                \
  extern "C" __attribute__((noinline, section(".text.makers"), aligned(4096))) void *name(void) {       \
    void *block = make;                                                                                  \
    __asm__ volatile("" : : "r"(block));                                                                 \
    return block;                                                                                        \
  }
#define FAR_APART(first, second, make)                                                                   \
  MAKER(first, make)                                                                                     \
  __asm__(".pushsection .text.makers, \"ax\"\n.skip 0x1f000\n.popsection");                             \
  MAKER(second, make)
END
cat > lib.cc << 'END'
#include "makers.h"
FAR_APART(first, second, malloc(SIZE))
END
cat > a.cc << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <initializer_list>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "makers.h"
typedef void *(*Maker)();
FAR_APART(new_first, new_second, new char[50])
FAR_APART(malloc_first, malloc_second, malloc(50))
FAR_APART(calloc_first, calloc_second, calloc(5, 10))
FAR_APART(large_first, large_second, malloc(5000))
FAR_APART(realloc_first, realloc_second, realloc(0, 50))
static bool share_a_slot(Maker a, Maker b) { return ((char *)b - (char *)a) % 0x20000 == 0; }
static bool is_own(Maker maker) {
  void *const block = maker();
  struct alloc_info info;
  const bool is = alloc_query(block, 0, &info) == 0 && info.base == block && (size_t)((const char *)info.site - (const char *)maker) < 64;
  free(block);
  return is;
}
static Maker made_at_run_time(char *at) {
  void *(*const called)(size_t) = malloc;
  memcpy(at, "\x48\x83\xec\x08\xbf\x32\0\0\0\x48\xb8", 11);  // sub $8, %rsp; mov $50, %edi; movabs $malloc, %rax
  memcpy(at + 11, &called, 8);
  memcpy(at + 19, "\xff\xd0\x48\x83\xc4\x08\xc3", 7);  // call *%rax; add $8, %rsp; ret
  return (Maker)at;
}
int main() {
  char *const code = (char *)mmap(0, 1 << 18, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const Maker pairs[][2] = {{new_first, new_second}, {malloc_first, malloc_second}, {calloc_first, calloc_second}, {large_first, large_second},
    {realloc_first, realloc_second}, {made_at_run_time(code), made_at_run_time(code + 0x20000)}};
  for (auto &[first, second] : pairs) {
    int own = share_a_slot(first, second) ? 0 : -1000;
    for (int round = 0; round < 5; ++round) own += is_own(first) + is_own(second);
    printf("%d ", own);
  }
  printf("\n");
  for (int round = 0; round < 4; ++round) {
    void *const library = dlopen(round % 2 ? "./lib2.so" : "./lib1.so", RTLD_NOW);
    const Maker first = (Maker)dlsym(library, "first"), second = (Maker)dlsym(library, "second");
    int own = share_a_slot(first, second) ? 0 : -1000;
    for (int i = 0; i < 5; ++i) own += is_own(first) + is_own(second);
    printf("%d ", own);
    dlclose(library);
  }
  printf("\n");
}
END
for number in 1 2; do $CXX -O1 -fno-builtin -fno-toplevel-reorder -shared -fPIC -DSIZE=${number}00 -o lib$number.so lib.cc; done
build a.cc -O1 -std=c++17 -fno-builtin -fno-toplevel-reorder -ldl
preload ./a > out
expect out << 'END'
10 10 10 10 10 10 
10 10 10 10 
END
