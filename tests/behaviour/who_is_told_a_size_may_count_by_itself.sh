#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Told `sizeof(T)`, a function that multiplies it by a number of its own, or of one that it is given by reference, makes a T[]; one that adds to it, or that has nothing to count, a T. With both code generators.
. "$(dirname "$0")/lib.sh"
need_plugin
require g++
cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#define NI __attribute__((noinline))
struct item { long a, b; } *described;
struct table {
  void *block = nullptr;
  std::size_t room = 0;
  NI void *more(std::size_t size) { room = room ? room * 2 : 4; return malloc(room * size); }
  NI void *again(std::size_t size) { room = room ? room * 2 : 4; return block = realloc(block, room * size); }
  NI void *for_grow(std::size_t least, std::size_t size, std::size_t &room);
};
static std::size_t larger(std::size_t least, std::size_t, std::size_t old) { std::size_t n = 2 * old + 1; return n < least ? least : n; }
static NI void *checked(std::size_t n) { void *r = malloc(n); if (r == nullptr) abort(); return r; }
void *table::for_grow(std::size_t least, std::size_t size, std::size_t &now) { now = larger(least, size, room); return checked(now * size); }
static NI void grow(void **block, int *room, std::size_t size) { *room = *room ? *room * 2 : 8; *block = realloc(*block, *room * size); }
static NI void *twice(std::size_t n, std::size_t size) { return malloc(2 * n * size); }
static NI void *one_more(std::size_t n, std::size_t size) { return malloc((n + 1) * size); }
static NI void *some(std::size_t size, int kind) { return malloc((kind == 1 ? 8 : 4) * size); }
static NI void *n_of(std::size_t n, std::size_t size) { return malloc(n * size); }
static NI void *of_them(std::size_t size) { static std::size_t counts[] = {3, 5, 7}; return calloc(counts[size % 3], size); }
static NI void *with_tail(std::size_t size) { return malloc(size + 24); }
static NI void *plain(std::size_t size) { return malloc(size); }
void *elsewhere(std::size_t size, unsigned &room);
void *one_elsewhere(std::size_t size, const unsigned &kind);
static void *volatile kept;
static void tell(const char *name, const void *block) {
  alloc_info info;
  kept = const_cast<void *>(block);
  alloc_query(block, 0, &info);
  printf("%s: %s %d\n", name, info.type ? UNIQTYPE_NAME(info.type) : alloc_error_message(info.type_error), info.type_grade);
}
int main(int argc, char **) {
  const std::size_t n = 3 * static_cast<std::size_t>(argc);
  table t, u, v;
  item *p = static_cast<item *>(t.more(sizeof(item)));
  tell("by a member", p);
  p = static_cast<item *>(u.again(sizeof(item)));
  tell("by a member, kept", p);
  std::size_t room;
  p = static_cast<item *>(v.for_grow(n, sizeof(item), room));
  tell("by reference", p);
  void *block = nullptr;
  int number = 0;
  grow(&block, &number, sizeof(item));
  tell("by pointers", block);
  tell("twice", twice(1, sizeof(item)));
  tell("one more", one_more(1, sizeof(item)));
  tell("some", some(sizeof(item), argc));
  tell("none to count", n_of(1, sizeof(item)));
  tell("so many", n_of(n, sizeof(item)));
  tell("of them", of_them(sizeof(item)));
  tell("with tail", with_tail(sizeof(item)));
  tell("plain", plain(sizeof(item)));
  unsigned some_room = 4;
  tell("elsewhere, by reference", elsewhere(sizeof(item), some_room));
  tell("elsewhere", one_elsewhere(sizeof(item), 4));
}
END
cat > b.cc << 'END'
#include <cstdlib>
void *elsewhere(std::size_t size, unsigned &room) { room = 8; return malloc(8 * size); }
void *one_elsewhere(std::size_t size, const unsigned &) { return malloc(size); }
END
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
for cxx in g++ clang++-19; do
  for flags in -O0 -O2; do
    echo "$cxx $flags"
    allocsc++ --allocs-cc=$cxx $flags -I"$ALLOCS_PREFIX/include" a.cc b.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
by a member: __ARR0_item 3
by a member, kept: __ARR0_item 3
by reference: __ARR0_item 3
by pointers: __ARR0_item 3
twice: __ARR0_item 3
one more: __ARR0_item 3
some: __ARR0_item 3
none to count: item 3
so many: __ARR0_item 3
of them: __ARR0_item 3
with tail: item 3
plain: item 3
elsewhere, by reference: __ARR0_item 3
elsewhere: item 3
END
  done
done
