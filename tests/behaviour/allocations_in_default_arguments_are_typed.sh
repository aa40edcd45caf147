#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What default arguments allocate has the type that the source tells, though compilers give their code no types and no pointer tells: at each call that
# leaves them out, in functions, constructors, lambdas and templates. Where g++ puts two allocations at one place, none of both is told.
. "$(dirname "$0")/lib.sh"
need_plugin

cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
struct point { int x, y; };
struct wide { double d[5]; ~wide() {} };
static int right, wrong, untyped;
static void say(const char *type, const void *p) {
  const char *told = UNIQTYPE_NAME(alloc_get_type(p));
  strcmp(told, type) == 0 ? ++right : strcmp(told, "(no type)") == 0 ? ++untyped : ++wrong;
  if (strcmp(told, type) != 0) printf("%s where %s is\n", told, type);
}
void *volatile kept;
__attribute__((noinline)) void f(int, void *p = new point{1, 2}) { say("point", p); }
__attribute__((noinline)) void g(void *p = new point, void *w = new wide[3], void *d = malloc(4 * sizeof(double))) {
  say("point", p), say("__FLEX_uint$64____ARR0_wide", w ? static_cast<char *>(w) - 8 : w), say("__ARR0_float$64", d);
}
__attribute__((noinline)) void *made(void *p = new wide) { say("wide", p); return p; }
__attribute__((noinline)) void outer(void *p = made()) { kept = p; }
struct s {
  void *m;
  s(int, void *p = new point) : m(p) { say("point", p); }
  void operator()(int, void *w = new wide) { say("wide", w); }
  void h(int, void *p = new point[2]) { say("__ARR0_point", p); }
};
template <typename T> void t(const char *name, void *p = new T) { say(name, p); }
static s global(1);
struct inner { s one = s(3); };
int main() {
  f(1), f(2, new point);
  f(3);
  g();
  s one(2), two(3);
  one(1);
  one.h(1), two.h(2);
  s(4);
  t<wide>("wide"), t<point>("point");
  inner in;
  std::vector<s> v; v.emplace_back(3); v.push_back(s(5)); v.push_back(6);
  auto l = [](void *p = new point) { say("point", p); };
  l(), l();
  outer();
  outer();
  printf("wrong %d, untyped %d, right %d\n", wrong, untyped, right);
  // Two at one place.
  right = untyped = 0;
  void *blocks[] = {new s(7), new s{8}, new s(9)};
  for (void *block : blocks) say("s", block);
  printf("then wrong %d, untyped %d, right %d\n", wrong, untyped, right);
  return 0;
}
END
export XDG_CACHE_HOME="$PWD/cache"
for compiler in clang++-19 $(command -v g++ || true); do
  for level in -O0 -O2; do
    echo "$compiler $level"
    ALLOCSCXX_CXX=$compiler allocsc++ $level -g -I"$ALLOCS_PREFIX/include" -o a a.cc
    preload ./a > told || fail "exit status $?"
    grep -v '(no type) where' told > out || true
    # g++: the other three of each pair may be told by their pointers, or not at all.
    case $compiler in clang*) pairs="untyped 0, right 6" ;; *) pairs="untyped ?, right ?" ;; esac
    expect out << END
wrong 0, untyped 0, right 23
then wrong 0, $pairs
END
  done
done
