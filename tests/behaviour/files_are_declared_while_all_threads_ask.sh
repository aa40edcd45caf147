#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ELF files are declared and demoted again and again while other threads ask about them: each answer is of the file or of the block, and memory is used again.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs/elf_file.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { kFiles = 3, kThreads = 3 };
static char *block[kFiles];
static size_t size[kFiles];
static atomic_int done;
static atomic_long found, wrong;

static void *ask(void *seed) {
  unsigned random = (unsigned)(size_t)seed * 2654435761u;
  while (!done) {
    random = random * 1664525u + 1013904223u;
    const unsigned file = (random >> 8) % kFiles;
    const char *const begin = block[file], *const end = begin + size[file], *const at = begin + (random >> 4) % size[file];
    struct alloc_info info;
    struct alloc_referent to;
    const int error = alloc_query(at, random & 0x10000 ? ALLOC_NOWAIT : 0, &info);
    const char *const base = info.base;
    if (error != 0 || base > at || base + info.size <= at || base < begin || base + info.size > end) ++wrong;
    else if (info.size != size[file]) ++found;
    alloc_interpret(at, alloc_elf_interpreter(), 0, &to);
    if (to.error == 0 && ((const char *)to.at < begin || (const char *)to.at + to.size > end)) ++wrong;
  }
  return NULL;
}

static long pages(void) {
  long size_in_pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (fscanf(file, "%ld", &size_in_pages) != 1) size_in_pages = 0;
  fclose(file);
  return size_in_pages;
}

static int declare_and_demote(int rounds) {
  int failed = 0;
  for (int n = 0; n < rounds; ++n) {
    for (int i = 0; i < kFiles; ++i) failed += alloc_make_elf_file(block[i], size[i]) != 0;
    for (int i = 0; i < kFiles; ++i) failed += alloc_demote(block[i]) != 0;
  }
  return failed;
}

int main(int argc, char **argv) {
  pthread_t threads[kThreads];
  if (argc != kFiles + 1) return 2;
  for (int i = 0; i < kFiles; ++i) {
    FILE *file = fopen(argv[1 + i], "rb");
    fseek(file, 0, SEEK_END);
    size[i] = (size_t)ftell(file);
    rewind(file);
    block[i] = malloc(size[i]);
    if (fread(block[i], 1, size[i], file) != size[i]) return 1;
    fclose(file);
  }
  int failed = declare_and_demote(10);
  const long before = pages();
  failed += declare_and_demote(3000);
  printf("memory is used again: %d\n", pages() - before < 512);
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, ask, (void *)(size_t)(i + 1));
  for (int n = 0; n < 10 || found < 20000; ++n) failed += declare_and_demote(50);
  done = 1;
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  printf("wrong %ld, failed %d\n", wrong, failed);
  return 0;
}
END
build a.c -O1 -Wall -Wextra -Werror -pthread
$CC -c -o a.o a.c -I"$ALLOCS_PREFIX/include"
cp a.o padded.o && head -c 3000 /dev/zero >> padded.o
preload ./a ./a a.o padded.o > out || fail "exit status $?"
expect out <<'END'
memory is used again: 1
wrong 0, failed 0
END
