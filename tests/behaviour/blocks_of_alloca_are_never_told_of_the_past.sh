#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A signal handler that comes after each instruction asks about the addresses of all blocks that a first run of the same code made there. It is
# told of a block only from when that is being made until it has just ended, and never with other bounds.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'E'
#define _GNU_SOURCE
#include <alloca.h>
#include <allocs.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include "at_every_instruction.h"
enum { kMost = 400 };
static struct { const char *at; size_t size; long from, to; } blocks[kMost];
static int count, noted;
static volatile long now;
static int is_second;
static volatile long asked, told, wrong;

static void *note(void *block, size_t size) {
  ++now;
  if (is_second) {
    if (blocks[noted].at != block || blocks[noted].size != size) printf("another block: %d\n", noted);
  } else {
    blocks[count].at = (const char *)block, blocks[count].size = size, blocks[count].from = now, blocks[count].to = 0, ++count;
  }
  ++noted;
  return memset(block, 0, size);
}
/* All from that one on. */
static void ended(int first) {
  ++now;
  for (int i = first; !is_second && i < noted; ++i) {
    if (blocks[i].to == 0) blocks[i].to = now;
  }
}
static int is_true(const struct alloc_info *info, const char *at) {
  for (int i = 0; i < count; ++i) {
    if (info->base == blocks[i].at && info->size == blocks[i].size && at >= blocks[i].at && at < blocks[i].at + blocks[i].size &&
        now >= blocks[i].from - 1 && now <= blocks[i].to)
      return 1;
  }
  return 0;
}
static void ask(ucontext_t *context) {
  (void)context;
  for (int i = (int)(g_instructions % 5); i < count; i += 5) {
    struct alloc_info info;
    const char *at = blocks[i].at + blocks[i].size / 2;
    ++asked;
    if (alloc_query(at, ALLOC_NOWAIT, &info) != 0 || info.allocator != &__alloca_allocator) continue;
    ++told;
    if (!is_true(&info, at) && ++wrong < 5) fprintf(stderr, "%p: %p %zu at %ld\n", at, info.base, info.size, now);
  }
}
static inline __attribute__((always_inline)) int inlined(int n) {
  const int first = noted;
  for (int i = 0; i < n; ++i) note(alloca(48), 48);
  ended(first);
  return n;
}
__attribute__((noinline)) static int large(int n) {
  const int first = noted;
  note(alloca((size_t)n), (size_t)n);
  const int sum = inlined(2);
  ended(first);
  return sum;
}
static jmp_buf target;
__attribute__((noinline)) static void jump(int n) {
  note(alloca((size_t)n), (size_t)n);
  if (n > 20) jump(n - 8);
  longjmp(target, 1);
}
__attribute__((noinline)) static int work(int n) {
  const int first = noted;
  int sum = 0;
  for (volatile int i = 0; i < n; ++i) {
    note(alloca(16 + 8 * (size_t)i), 16 + 8 * (size_t)i);
    sum += inlined(i % 3);
    const int before = noted;
    if (setjmp(target) == 0) {
      note(alloca(30), 30), note(alloca(300), 300);
      jump(40);
    }
    ended(before);
    sum += inlined(3);
  }
  for (int i = 0; i < 3; ++i) {
    const int around = noted;
    volatile char array[50 + i];
    array[1] = 1;
    note(alloca(20), 20);
    sum += large(60 + 100 * i);
#ifdef __clang__
    ended(around);
#else
    sum += around; /* gcc keeps what lies around a block of alloca until the function ends */
#endif
  }
  sum += large(1000) + large(40);
  ended(first);
  return sum;
}
__attribute__((noinline)) static void in_place(void) {
  noted = 0, now = 0;
  if (is_second) start_stepping();
  work(4);
  if (is_second) stop_stepping();
}
int main(void) {
  struct alloc_info info;
  alloc_query(&info, 0, &info), alloc_query((void *)&in_place, 0, &info);
  watch_instructions(ask);
  for (is_second = 0; is_second < 2; ++is_second) in_place();
  fprintf(stderr, "%ld instructions, %ld asked, %ld told\n", (long)g_instructions, asked, told);
  printf("%d %d %d, %ld wrong\n", g_instructions > 1000, asked > 10000, told > 1000, wrong);
  return 0;
}
E
ran=
export XDG_CACHE_HOME="$PWD/cache"
for compiler in ${COMPILERS:-clang gcc}; do
  case $compiler in
    clang) c=clang-19 part=liballocs_clang_plugin.so ;;
    gcc) c=gcc part=gcc-$(gcc -dumpversion)/allocs.so ;;
  esac
  command -v $c > /dev/null && [ -e "$ALLOCS_PREFIX/lib/allocs/$part" ] || continue
  for level in -O0 -O1 -O2 -O3; do
    echo "$compiler $level"
    ALLOCSCC_CC=$c allocscc $level -I"$ALLOCS_PREFIX/include" -I"$ALLOCS_SOURCE/tests/programs" -o a a.c
    preload ./a > out || fail "exit status $?"
    expect out <<'E'
1 1 1, 0 wrong
E
    ran=1
  done
done
[ -n "$ran" ] || skip "neither compiler has a plugin"
