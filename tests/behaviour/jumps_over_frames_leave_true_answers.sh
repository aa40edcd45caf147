#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# longjmp and C++ exceptions over frames with alloca and arrays of variable length: before, between and behind, each variable is in its
# own frame, and what is below the stack pointer afterwards is in none.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs.h>
#include <setjmp.h>
#include <alloca.h>
#include <stdio.h>
#include <string.h>
static jmp_buf back;
static long wrong;
static char *deepest;
static void frame_is(const void *at, const char *function, unsigned flags) {
  alloc_info info;
  if (alloc_query(at, flags, &info) == 0 && info.allocator == &__stackframe_allocator && info.name && strstr(info.name, function) &&
      info.base <= at && (const char *)at < (const char *)info.base + info.size) return;
  if (++wrong < 10) printf("%s: %s error %d\n", function, info.name ? info.name : "-", info.error);
}
struct Watch {
  long mark = 5;
  ~Watch() { frame_is(&mark, "level", 0), frame_is(&mark, "level", ALLOC_NOWAIT); }
};
__attribute__((noinline)) static void level(int depth, bool jump) {
  Watch watch;
  const int size = 40 + depth * 10;
  char *room = (char *)alloca(size);
  char array[size];
  memset(room, 1, size), memset(array, 2, size);
  asm volatile("" ::"r"(room), "r"(array) : "memory");
  deepest = room < array ? room : array;
  frame_is(&watch.mark, "level", 0), frame_is(room + size / 2, "level", 0), frame_is(array + 3, "level", ALLOC_NOWAIT);
  if (depth > 0) level(depth - 1, jump);
  else if (jump) longjmp(back, 1);
  else throw depth;
}
int main() {
  long local = 3;
  for (volatile int i = 0; i < 50; i = i + 1) {
    try { level(8, false); } catch (int) { frame_is(&local, "main", 0); }
    if (setjmp(back) == 0) level(8, true);
    frame_is(&local, "main", 0), frame_is(&local, "main", ALLOC_NOWAIT);
    alloc_info info;
    if (alloc_query(deepest, ALLOC_NOWAIT, &info) == 0 && info.allocator == &__stackframe_allocator &&
        info.name != NULL && strstr(info.name, "level")) ++wrong, puts("a frame that is gone");
  }
  printf("%ld wrong\n", wrong);
}
END
for level in -O0 -O1 -O2; do
  build a.cc $level
  preload ./a > out || fail "exit status $? at $level"
  expect out << 'END'
0 wrong
END
done
