#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What alloca hands out in code that allocscc compiled is an allocation of its own, with bounds, type and parent, until it ends: by return,
# longjmp, an exception, the end of an inlined function or of a block with a variable-length array, the end of a thread. The program keeps account
# of its blocks and asks about each address that was ever one, over and over. Without the run time it does the same.
. "$(dirname "$0")/lib.sh"

cat > a.h <<'E'
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <alloca.h>
#include <allocs/allocator.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
struct point { double x, y; };
struct list { struct list *next; int n; };
struct text { unsigned length; char bytes[]; };

/* The program's own account: what is allocated now, the innermost last, and some of what was. */
enum { kMost = 4096, kPast = 512 };
static __thread struct { char *at; size_t size; } live[kMost];
static __thread const char *past[kPast];
static __thread int count, pasts;
static __thread long asked, wrong;
static int has_run_time;

static void ask(const char *at) {
  struct alloc_info info;
  const char *base = NULL;
  size_t size = 0;
  for (int i = 0; i < count; ++i) {
    if (at >= live[i].at && at < live[i].at + live[i].size) base = live[i].at, size = live[i].size;
  }
  alloc_query(at, asked % 3 == 0 ? ALLOC_NOWAIT : 0, &info);
  ++asked;
  const int is_block = info.allocator == &__alloca_allocator;
  if (is_block != (base != NULL) || (is_block && (info.base != base || info.size != size))) {
    ++wrong;
    if (has_run_time && wrong < 5)
      fprintf(stderr, "%p: %s %p %zu, is %p %zu\n", at, info.allocator ? info.allocator->name : "none", info.base, info.size, base, size);
  }
}
NOINLINE static void ask_all(void) {
  for (int i = 0; i < count; i += 1 + count / 20) {
    if (live[i].size == 0) continue;
    ask(live[i].at), ask(live[i].at - 1), ask(live[i].at - 32);
    ask(live[i].at + live[i].size / 2), ask(live[i].at + live[i].size - 1), ask(live[i].at + live[i].size);
  }
  if (count != 0) ask(live[count - 1].at);
  for (int i = 0; i < pasts; i += 1 + pasts / 20) ask(past[i]);
}
/* A block was made, and nothing else may be known of it but what is told here. */
NOINLINE static void *note(void *block, size_t size) {
  live[count].at = (char *)block, live[count++].size = size;
  memset(block, 0x5a, size);
  return block;
}
NOINLINE static void ended(int left) {
  while (count > left) past[(pasts < kPast ? pasts++ : (int)(asked % kPast))] = live[--count].at;
}
static void tell(const char *what, const void *at) {
  struct alloc_info info, parent;
  char path[96] = "", *bracket;
  alloc_query(at, 0, &info);
  if (alloc_get_parent(&info, 0, &parent) != 0) memset(&parent, 0, sizeof parent);
  alloc_format_path(at, 0, path, sizeof path);
  if ((bracket = strstr(path, ")0x")) != NULL) memmove(bracket + 1, strchr(bracket + 1, ')'), 1 + strlen(strchr(bracket + 1, ')')));
  printf("%s: %s %zu, %ld in, %s %s, in %s %s, site %d\n", what, info.allocator ? info.allocator->name : "none", info.size,
         (long)((const char *)at - (const char *)info.base), UNIQTYPE_NAME(info.type), path, parent.allocator ? parent.allocator->name : "none",
         parent.name ? parent.name : "", alloc_get_allocator(info.site) == &__static_symbol_allocator);
}
E
cat > a.c <<'E'
#include "a.h"
static uint32_t seed = 1;
static unsigned dice(unsigned sides) { return ((seed = seed * 1664525 + 1013904223) >> 16) % sides; }

NOINLINE static void types(int n) {
  int *numbers = (int *)alloca(n * sizeof(int));
  struct point *point = (struct point *)alloca(sizeof(struct point));
  struct list *list = (struct list *)alloca(n * sizeof *list);
  struct text *text = (struct text *)alloca(sizeof *text + n);
  char *copy = strdupa("copied");
  void *wide = __builtin_alloca_with_align(100, 64 * 8);
  tell("numbers", &numbers[1]), tell("point", &point->y), tell("list", &list[2].n), tell("text", &text->bytes[1]);
  tell("copy", copy + 6);
  printf("aligned %d %d\n", ((uintptr_t)wide & 63) == 0, ((uintptr_t)numbers & 15) == 0);
  tell("wide", wide);
}
/* Blocks of one frame, as many as there are, some made in an inlined function, some that go with an array. */
INLINE int inlined(int n, int depth);
NOINLINE static int recursive(int depth, int in_array) {
  const int before = count;
  int blocks = (int)dice(5), sum = 0;
  for (int i = 0; i < blocks; ++i) {
    const size_t size = dice(8) == 0 ? 0 : 1 + dice(300);
    note(alloca(size), size);
    if (dice(3) == 0) ask_all();
    sum += inlined((int)dice(4), depth);
  }
  for (int i = 0; i < 2; ++i) {
    const int around = count;
    volatile char array[1 + dice(100)];
    array[0] = 0;
    note(alloca(24 + i), 24 + (size_t)i);
    if (depth > 0 && in_array) sum += recursive(depth - 1, 0);
    ask((const char *)array);
    ask_all();
    sum += array[0];
#ifdef __clang__
    ended(around);
#else
    sum += around; /* gcc keeps what lies around a block of alloca until the function ends */
#endif
  }
  if (depth > 0) sum += recursive(depth - 1, (int)dice(2));
  ask_all();
  ended(before);
  return sum > 0;
}
INLINE int inlined(int n, int depth) {
  const int before = count;
  for (int i = 0; i < n; ++i) note(alloca(40), 40);
  ask_all();
  if (depth > 3 && dice(8) == 0) recursive(0, 0);
  ended(before);
  return n;
}
NOINLINE static int many(int n) {
  for (int i = 0; i < n; ++i) note(alloca(8 + (size_t)(i % 50)), 8 + (size_t)(i % 50));
  ask_all();
  struct alloc_info info, frame, child;
  struct alloc_cursor cursor;
  int children = 0;
  alloc_query(live[count - 1].at, 0, &info);
  if (alloc_get_parent(&info, 0, &frame) != 0) return 0;
  for (alloc_begin_children(&frame, 0, &cursor); alloc_next_child(&cursor, &child) == 1;) {
    ++children;
    if (child.allocator != &__alloca_allocator || child.base != live[count - children].at) ++wrong;
  }
  return children;
}
/* Blocks of a frame that a jump comes back to: those from before it last, those from behind it do not. */
static jmp_buf target;
NOINLINE static void jump(int depth) {
  note(alloca(33), 33);
  ask_all();
  if (depth > 0) jump(depth - 1);
  else longjmp(target, 1);
}
NOINLINE static int jumps(int n) {
  const int before = count;
  note(alloca(64), 64);
  const int kept = count;
  volatile int round = 0;
  if (setjmp(target) != 0) ended(kept);
  ask_all();
  if (round++ < n) {
    for (int i = 0; i < 3; ++i) {
      const size_t size = 16 * (1 + dice(9));
      note(alloca(size), size);
    }
    ask_all();
    jump((int)dice(4));
  }
  note(alloca(50), 50);
  ask_all();
  ended(before);
  return round;
}
static void *thread(void *argument) {
  seed = (uint32_t)(uintptr_t)argument;
  for (int i = 0; i < 3; ++i) recursive(3, 1);
  return (void *)(asked > 1000 && (wrong == 0 || !has_run_time) ? 1 : 0L);
}
#ifdef __cplusplus
NOINLINE static int thrower(int depth) {
  note(alloca(48), 48);
  ask_all();
  if (depth == 0) throw depth;
  return thrower(depth - 1) + 1;
}
static inline int throws_inlined(int n) {
  note(alloca((size_t)n), (size_t)n);
  ask_all();
  if (n > 30) throw n;
  return n;
}
NOINLINE static void exceptions(int n) {
  const int before = count;
  note(alloca(70), 70);
  for (int i = 0; i < n; ++i) {
    const int around = count;
    try {
      note(alloca(17), 17);
      thrower(i % 5);
    } catch (int) {
      ended(around + 1);
      ask_all();
    }
  }
  ended(before);
}
/* Its block stays until this one's end, as the compiler has it, but is not told of any more. */
NOINLINE static void exceptions_inlined(int n) {
  const int before = count;
  note(alloca(70), 70);
  for (int i = 0; i < n; ++i) {
    const int around = count;
    try {
      throws_inlined(20 + i);
    } catch (int) {
    }
    ended(around);
    ask_all();
  }
  ended(before);
}
#endif
int main(int argc, char **argv) {
  struct alloc_info info;
  has_run_time = alloc_query(&argc, 0, &info) != ALLOC_E_NO_RUNTIME;
  if (argc > 1) types(4);
  printf("%d\n", recursive(4, 1) >= 0);
  for (int i = 0; i < 5; ++i) recursive(3, 1);
  const int children = many(2000);
  ended(0);
  printf("%d children\n", has_run_time ? children : 2000);
  printf("%d rounds\n", jumps(50));
#ifdef __cplusplus
  exceptions(30), exceptions_inlined(30);
#endif
  pthread_t threads[2];
  void *is_right[2];
  for (intptr_t i = 0; i < 2; ++i) {
    if (pthread_create(&threads[i], NULL, thread, (void *)(i + 7)) != 0) return 1;
    pthread_join(threads[i], &is_right[i]);
    printf("thread %d\n", is_right[i] != NULL);
  }
  printf("asked more than 20000 times %d, wrong %ld\n", asked > 20000, has_run_time ? wrong : 0);
  if (argc > 2) fprintf(stderr, "%s: %ld\n", argv[2], asked);
  return 0;
}
E
cp a.c a.cc
cat > types.clang <<'E'
numbers: alloca 16, 4 in, __ARR0_int$32 ((int \*))\[1\], in stackframe types, site 1
point: alloca 16, 8 in, point ((*point \*))->y, in stackframe types, site 1
list: alloca 64, 40 in, __ARR0_list ((*list \*))\[2\].n, in stackframe types, site 1
text: alloca 8, 5 in, text ((*text \*))->bytes\[1\], in stackframe types, site 1
copy: alloca 7, 6 in, __ARR0_signed_char$8 ((char \*))\[6\], in stackframe types, site 1
aligned 1 1
wide: alloca 100, 0 in, (no type) ((void \*)), in stackframe types, site 1
E
# gcc's plugin sees the pointers alone, and believes none to characters.
sed -e '/^list/s/__ARR0_list .*, in s/list *, in s/' -e '/^copy/s/__ARR0.*, in s/(no type) *, in s/' types.clang > types.gcc
cat > rest <<'E'
1
2000 children
51 rounds
thread 1
thread 1
asked more than 20000 times 1, wrong 0
E
cat > crash.c <<'E'
#include "a.h"
NOINLINE static void stop(const void *list, const void *all) {
  printf("%p %p\n", list, all);
  fflush(stdout), abort();
}
int main(int argc, char **argv) {
  struct list *list = (struct list *)alloca(3 * sizeof *list * argc);
  argv[0] = (char *)alloca(500);
  stop(&list[1], argv[0]);
}
E
cat > crash.clang <<'E'
At 0x* is a alloca-allocated object of size 48, type __ARR0_list
    bounds    0x* + 48 bytes, 16 bytes in, thread *
    name      main
    type      struct list\[\] (strong)
    path      ((struct list \*)0x*)\[1\].next
    site      0x* main in */crash
    evidence  *
At 0x* is a alloca-allocated object of size 500, type __ARR0_signed_char$8
    bounds    0x* + 500 bytes, thread *
E
cat > crash.gcc <<'E'
At 0x* is a alloca-allocated object of size 48, type list
    bounds    0x* + 48 bytes, 16 bytes in, thread *
    name      main
    type      struct list (plausible)
    path      ((struct list \*)0x*)
    site      0x* main in */crash
    evidence  *
At 0x* is a alloca-allocated object of size 500, type (no type)
    bounds    0x* + 500 bytes, thread *
E
ran=
export XDG_CACHE_HOME="$PWD/cache"
for compiler in ${COMPILERS:-clang gcc}; do
  case $compiler in
    clang) c=clang-19 cxx=clang++-19 part=liballocs_clang_plugin.so ;;
    gcc) c=gcc cxx=g++ part=gcc-$(gcc -dumpversion)/allocs.so ;;
  esac
  command -v $c > /dev/null && [ -e "$ALLOCS_PREFIX/lib/allocs/$part" ] || continue
  for source in a.c a.cc; do
    driver=allocscc
    [ $source = a.c ] || driver=allocsc++
    for flags in -O0 -O1 "-O2 -g1" -O3 "-O2 -mavx2 -fPIC -pie"; do
      echo "$compiler $source $flags"
      # shellcheck disable=SC2086
      env ALLOCSCC_CC=$c ALLOCSCXX_CXX=$cxx $driver $flags -w -I"$ALLOCS_PREFIX/include" -o a $source -pthread
      ./a > alone
      expect alone < rest
      preload ./a types > out
      cat types.$compiler rest > expected.out
      expect out < expected.out
      ran=1
    done
  done
  # A core knows them as well.
  ALLOCSCC_CC=$c allocscc -O1 -w -I"$ALLOCS_PREFIX/include" -o crash crash.c
  core_of ./crash > inside
  # shellcheck disable=SC2046
  allocs what core $(cat inside) | head -9 > outside
  expect outside < crash.$compiler
done
[ -n "$ran" ] || skip "neither compiler has a plugin"
