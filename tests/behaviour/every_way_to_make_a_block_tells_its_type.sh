#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks that initialisers of members, lambdas, new of arrays of arrays and posix_memalign make have their types, with both code
# generators.
. "$(dirname "$0")/lib.sh"
need_plugin
require g++

cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#include <string>
struct point { double x, y; };
struct counted { int n; ~counted() { ++n; } };
struct alignas(16) wide { long x[2]; ~wide() { x[0] = 0; } };
struct alignas(32) wider { long x[4]; ~wider() { x[0] = 0; } };
struct widest { long double x; wider w; } *described;
struct __attribute__((packed)) tight { char c; long double x; ~tight() { c = 0; } };
struct by_new { point *p; by_new() : p(new point) {} };
struct by_malloc { point *p; by_malloc() : p((point *)malloc(sizeof(point))) {} };
struct by_static_cast { point *p; explicit by_static_cast(int n) : p(static_cast<point *>(std::malloc(n * sizeof(point)))) {} };
struct by_void { void *p; by_void() : p(malloc(sizeof(point))) {} };
struct by_default { point *p = (point *)malloc(sizeof(point)); by_default() {} };
struct by_base : by_void { point *q; by_base() : by_void(), q{new point[3]} {} };
template <class T> struct holder { T *p; void *raw; explicit holder(int n) : p(new T[n]), raw(malloc(sizeof(T))) {} };
static void tell(const char *name, const void *block) {
  struct alloc_info info;
  alloc_query(block, 0, &info);
  printf("%s: %s\n", name, info.type ? uniqtype_name(info.type) : alloc_error_message(info.type_error));
}
int main(int argc, char **) {
  tell("by_new", by_new().p);
  tell("by_malloc", by_malloc().p);
  tell("by_static_cast", by_static_cast(argc + 1).p);
  tell("by_void", by_void().p);
  tell("by_default", by_default().p);
  tell("by_base", by_base().q);
  tell("holder", holder<point>(argc + 1).p);
  tell("holder raw", holder<point>(argc + 1).raw);
  tell("matrix", new point[argc + 2][4]);
  tell("cube", new point[argc + 2][4][3]);
  tell("counted matrix", (char *)(new counted[argc + 2][4]) - 8);
  tell("wide array", (char *)(new wide[argc + 2]) - 16);
  tell("wider matrix", (char *)(new wider[argc + 2][4]) - 32);
  tell("widest array", (char *)(new widest[argc + 2]) - 32);
  tell("tight array", (char *)(new tight[argc + 2]) - 8);
  void *aligned = nullptr;
  if (posix_memalign(&aligned, 64, sizeof(point)) != 0) return 1;
  tell("aligned", aligned);
  point *one = nullptr;
  if (posix_memalign((void **)&one, 64, (argc + 1) * sizeof *one) != 0) return 1;
  tell("aligned array", one);
  struct { void *member; } holds;
  if (posix_memalign(&holds.member, 64, sizeof(point)) != 0) return 1;
  tell("aligned member", holds.member);
  auto in_lambda = [](int n) -> void * { return malloc(n * sizeof(point)); };
  tell("in lambda", in_lambda(argc + 1));
  auto generic = [&](auto n) -> void * { return new point[n]; };
  tell("generic lambda", generic(argc + 1));
  tell("called at once", [&] { return (void *)new point; }());
  tell("instantiated elsewhere", new std::string(argc, '/'));
}
END

export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
for cxx in g++ clang++-19; do
  for flags in "-O0" "-O2" "-O3 -fno-inline" "-O3" "-O2 -flto -std=c++20"; do
    # shellcheck disable=SC2086 # the flags are a list
    allocsc++ --allocs-cc=$cxx $flags -I"$ALLOCS_PREFIX/include" a.cc -o a 2> messages || {
      case $cxx$flags in clang*-flto*) continue ;; esac # the linker needs a plugin of clang's
      cat messages && fail "$cxx $flags"
    }
    preload ./a > out
    echo "$cxx $flags"
    expect out << 'END'
by_new: point
by_malloc: point
by_static_cast: __ARR0_point
by_void: point
by_default: point
by_base: __ARR0_point
holder: __ARR0_point
holder raw: point
matrix: __ARR0___ARR4_point
cube: __ARR0___ARR4___ARR3_point
counted matrix: __FLEX_uint$64____ARR0___ARR4_counted
wide array: __FLEX___ARR2_uint$64____ARR0_wide
wider matrix: __FLEX___ARR4_uint$64____ARR0___ARR4_wider
widest array: __FLEX___ARR4_uint$64____ARR0_widest
tight array: the metadata does not tell the type
aligned: point
aligned array: __ARR0_point
aligned member: point
in lambda: __ARR0_point
generic lambda: __ARR0_point
called at once: point
instantiated elsewhere: std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >
END
  done
done
