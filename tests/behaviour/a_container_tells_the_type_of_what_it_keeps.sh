#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Of a block of which its call says nothing, a container that keeps its elements there tells what they are and how many there is room for, weakly, to whoever asks for that.
# From outside as well.
. "$(dirname "$0")/lib.sh"

# Without debug information nobody knows what its callers ask for.
cat > get.c <<'END'
#include <stdlib.h>
void *volatile last;
void *get(size_t n) { last = malloc(n); return last; }
END
cat > a.cc <<'END'
#include <allocs.h>
#include <cstdio>
#include <string>
#include <vector>
extern "C" void *get(size_t);
template <typename T> struct pool {
  using value_type = T;
  pool() = default;
  template <typename U> pool(const pool<U> &) {}
  T *allocate(size_t n) { void *p = get(n * sizeof(T)); return static_cast<T *>(p); }
  void deallocate(T *, size_t) {}
  friend bool operator==(pool, pool) { return true; }
  friend bool operator!=(pool, pool) { return false; }
};
struct point { long x, y, z; };
struct wide { point at; long more; };
template <typename T> using list = std::vector<T, pool<T>>;
using text = std::basic_string<char, std::char_traits<char>, pool<char>>;
list<point> points, moved;
struct owner { int n; list<wide> wides; text name; } owned;
point *claim;
double *other;
list<point> *on_heap;
static void tell(const char *what, const void *p) {
  alloc_info info;
  alloc_query(p, 0, &info);
  if (info.type != nullptr) printf("already %d, ", info.type_grade);
  alloc_query(p, ALLOC_ASK_REFERRERS, &info);
  printf("%s: %s %d of %zu\n", what, UNIQTYPE_NAME(info.type), info.type_grade, info.size);
}
int main(int count, char **) {
  points.reserve(5);
  points.push_back({});
  claim = &points[0] + 1;
  tell("a vector, with room, and a pointer into it", points.data());
  owned.wides.resize(2);
  tell("a member", owned.wides.data() + 1);
  owned.name.assign(99, 'x');
  tell("a string", owned.name.data());
  moved.resize(3);
  other = reinterpret_cast<double *>(moved.data());
  tell("somebody disagrees", moved.data());
  claim = static_cast<point *>(get(4 * sizeof(point)));
  tell("no container", claim);
  on_heap = new list<point>(7);
  tell("a container in the heap", on_heap->data());
  list<point> local(2);
  tell("a local container", local.data());
  if (count > 1) {
    printf("ready %p %p %p\n", static_cast<void *>(points.data()), static_cast<void *>(owned.wides.data()), static_cast<void *>(moved.data()));
    fflush(stdout);
    getchar();
  }
  return 0;
}
END
$CC -g0 -O0 -c -o get.o get.c || fail "get.c does not compile"
build a.cc -std=c++17 get.o
allocs meta build ./a > made || fail "allocs meta build ended with $?"
preload ./a > out || fail "exit status $?"
expect out <<'END'
a vector, with room, and a pointer into it: __ARR5_point 1 of 120
a member: __ARR2_wide 1 of 64
a string: __ARR100_signed_char$8 1 of 100
somebody disagrees: (no type) 0 of 72
no container: (no type) 0 of 96
a container in the heap: __ARR7_point 1 of 168
a local container: __ARR2_point 1 of 48
END
start_guest ./a wait
set -- $(sed -n 's/^ready //p' output)
allocs refs $pid "$1" > refs || fail "allocs refs ended with $?"
expect_line refs 'by the pointers to it: point\[5\] (weak)'
allocs refs $pid "$2" > refs || fail "allocs refs ended with $?"
expect_line refs 'by the pointers to it: wide\[2\] (weak)'
allocs refs $pid "$3" > refs || fail "allocs refs ended with $?"
grep 'by the pointers to it' refs && fail "a type though somebody disagrees"
exec 3>&-
wait $pid
