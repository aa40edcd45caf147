#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a class's operator new asks for beside the size of the object comes behind it: the block begins with the class that is made, whatever that is counted in. With both code generators.
. "$(dirname "$0")/lib.sh"
need_plugin
require g++
cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#define FREE static void operator delete(void *p) { free(p); }
struct counted { int n; static void *operator new(std::size_t s, std::size_t k) { return malloc(s + k * sizeof(double)); } FREE };
struct derived : counted { long more[3]; };
struct turned { int n; static void *operator new(std::size_t s, std::size_t k, const char *) { return ::operator new(k * sizeof(short) + s); } FREE };
struct summed { int n; static void *operator new(std::size_t s, std::size_t k) { std::size_t all = s; all += k * sizeof(double); void *p = malloc(all); if (p == nullptr) throw std::bad_alloc(); return p; } FREE };
struct slots { int n; struct slot { int tag; void *v; } all[1]; static void *operator new(std::size_t s, int n) { return ::operator new(s + (n - 1) * sizeof(slot)); } FREE };
struct text { int n; static void *operator new(std::size_t s, const char *t) { return malloc(s + strlen(t) + 1); } FREE };
struct least { double d; static void *operator new(std::size_t s) { if (s < 64) s = 64; return malloc(s); } FREE };
struct simple { int n[4]; static void *operator new(std::size_t s) { return malloc(s); } FREE };
struct many { int n[4]; static void *operator new[](std::size_t s, int k) { return malloc(s + k * sizeof(double)); } };
struct bytes { int n[4]; static void *operator new(std::size_t s) { return new char[s]; } static void operator delete(void *p) { delete[] static_cast<char *>(p); } };
struct head { long size; const char *tag; };
struct headed { double d[3]; static void *operator new(std::size_t s) { head *h = (head *)malloc(sizeof(head) + s); h->size = 1; return h + 1; } static void operator delete(void *p) { free((head *)p - 1); } };
struct pile { virtual void *get(std::size_t s) { return malloc(s); } virtual ~pile() {} };
inline void *operator new[](std::size_t s, pile &from) { return from.get(s); }
inline void operator delete[](void *p, pile &) { free(p); }
struct described { counted *a; derived *b; turned *c; summed *d; slots *e; text *f; least *g; simple *h; many *i; bytes *l; head *j; headed *k; } all;
static void *volatile kept;
static void tell(const char *name, const void *block) {
  alloc_info info;
  kept = const_cast<void *>(block);
  alloc_query(block, 0, &info);
  printf("%s: %s\n", name, info.type ? UNIQTYPE_NAME(info.type) : alloc_error_message(info.type_error));
}
int main(int argc, char **) {
  const std::size_t n = 5 * static_cast<std::size_t>(argc);
  tell("counted", new (n) counted);
  tell("derived", new (n) derived);
  tell("turned", new (n, "x") turned);
  tell("summed", new (n) summed);
  tell("slots", new (argc + 4) slots);
  tell("text", new ("some text") text);
  tell("least", new least);
  tell("simple", new simple);
  tell("many", new (argc + 4) many[3]);
  tell("bytes", new bytes);
  pile *volatile from = new pile;
  tell("of a pile", new (*from) simple[3]);
  tell("headed", (head *)(void *)new headed - 1);
}
END
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
for cxx in g++ clang++-19; do
  for flags in -O0 -O2; do
    echo "$cxx $flags"
    allocsc++ --allocs-cc=$cxx $flags -I"$ALLOCS_PREFIX/include" a.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
counted: counted
derived: derived
turned: turned
summed: summed
slots: slots
text: text
least: least
simple: simple
many: many
bytes: [!_]*
of a pile: __ARR0_simple
headed: head
END
  done
done
