#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block of which the call that made it says nothing has the class whose virtual table its first word leads to, if its size is that of the class: inside,
# from a core, and from another process. What is larger, what is not made or gone, and what its site knows, is not told so.
. "$(dirname "$0")/lib.sh"
require gdb

cat > a.cc <<'END'
#include <allocs.h>
#include <allocs/walk.h>
#include <cstdio>
#include <cstring>
#include <new>
struct shape { virtual ~shape() {} long corners = 3; };
struct named { virtual const char *name() { return "-"; } char text[16]; };
struct circle : shape, named { double radius = 1; };
struct common { virtual ~common() {} long id = 1; };
struct left : virtual common { long l = 2; };
struct right : virtual common { long r = 3; };
struct both : left, right { both(); long b = 4; };
struct plain { long a; };
struct virtual_only : virtual plain { virtual void f() {} long b = 2; };
namespace { struct hidden_one { virtual ~hidden_one() {} int n = 0; }; }
template <typename T> struct holder { virtual ~holder() {} T content{}; };
struct pair_of { shape one; long more; };
struct base { base(); virtual ~base() {} long n = 0; };
struct derived : base { ~derived() override {} };
shape *known;
const char *seen = "";
void *volatile pool;
__attribute__((noinline)) void *get(std::size_t n) { pool = ::operator new(n); return pool; }
char names[16][100];
const void *volatile sink;
const char *type_of(const void *p) {
  uniqtype *const type = alloc_get_type(p);
  return type == nullptr ? "-" : UNIQTYPE_NAME(type);
}
__attribute__((noinline)) base::base() { seen = type_of(this); }
const char *seen_as_part = "";
__attribute__((noinline)) both::both() { seen_as_part = type_of(this); }
struct most : both { most() {} };
void tell(const char *what, const void *p) {
  alloc_info info, now;
  alloc_query(p, 0, &info);
  alloc_query(p, ALLOC_NOWAIT, &now);
  std::printf("%s: %s %d%s%s%s\n", what, type_of(p), info.type_grade, (info.evidence & ALLOC_EV_VIRTUAL_TABLE) != 0 ? " table" : "",
              now.type == nullptr ? "" : " at once", info.type == alloc_get_type(p) ? "" : " or another");
  if (now.type == nullptr && now.type_error != ALLOC_E_NOT_YET) std::printf("at once: %s\n", alloc_error_message(now.type_error));
}
template <typename T> T *make() { return new (get(sizeof(T))) T; }
void *kept[4];
int main(int count, char **) {
  tell("one", make<shape>());
  circle *const round = make<circle>();
  tell("several bases", round);
  tell("second base", static_cast<named *>(round));
  tell("virtual bases", make<both>());
  tell("virtual base only", make<virtual_only>());
  tell("unnamed namespace", make<hidden_one>());
  tell("template", make<holder<long[3]>>());
  tell("derived of the same size", make<derived>());
  std::printf("while its base is made: %s\n", seen);
  make<most>();
  std::printf("while a base with virtual bases is made: %s\n", seen_as_part);
  char *const raw = static_cast<char *>(get(3 * sizeof(shape)));
  for (int i = 0; i < 2; ++i) new (raw + i * sizeof(shape)) shape;
  std::memset(raw + 2 * sizeof(shape), 0, sizeof(shape));
  tell("two of three", raw);
  new (raw + 2 * sizeof(shape)) shape;
  tell("three", raw + sizeof(shape));
  new (get(sizeof(shape) + 8)) shape;
  tell("with room behind", pool);
  tell("first of a pair", make<pair_of>());
  tell("nothing made", std::memset(get(sizeof(shape)), 0, sizeof(shape)));
  void **const table = static_cast<void **>(get(sizeof(shape)));
  table[0] = *reinterpret_cast<char **>(round) - 16;
  tell("the start of a table", table);
  table[0] = *reinterpret_cast<char **>(static_cast<named *>(round));
  tell("a table for a base", table);
  known = new shape;
  tell("known by its site", known);
  tell("too odd", get(sizeof(shape) + 4));
  char path[100];
  alloc_format_path(&round->radius, 0, path, sizeof path);
  std::printf("path: %s\n", path);
  int tables = 0;
  alloc_walk_blocks(0, [](const alloc_info *info, void *n) { *static_cast<int *>(n) += (info->evidence & ALLOC_EV_VIRTUAL_TABLE) != 0; return 0; }, &tables);
  std::printf("%d in a walk\n", tables);
  if (count > 1) {
    std::printf("ready %p %p\n", static_cast<void *>(round), static_cast<void *>(raw));
    std::fflush(stdout);
    std::getchar();
  }
}
END
build a.cc -O1
allocs meta build ./a > made || fail "allocs meta build ended with $?"
preload ./a > out || fail "exit status $?"
expect out <<'END'
one: shape 2 table
several bases: circle 2 table
second base: circle 2 table
virtual bases: both 2 table
virtual base only: virtual_only 2 table
unnamed namespace: (anonymous namespace)::hidden_one 2 table
template: holder<long*3?> 2 table
derived of the same size: derived 2 table
while its base is made: base
while a base with virtual bases is made: -
two of three: - 0
three: __ARR3_shape 1 table
with room behind: - 0
first of a pair: - 0
nothing made: - 0
the start of a table: - 0
a table for a base: - 0
known by its site: shape 4 at once
too odd: - 0
at once: the metadata does not tell the type
path: ((circle ?)0x*)->radius
9 in a walk
END
start_guest ./a wait
round=$(sed -n 's/^ready \([^ ]*\) .*/\1/p' output) array=$(sed -n 's/^ready [^ ]* //p' output)
allocs what $pid $round $array > live || fail "allocs what ended with $?"
expect_line live '*circle*'
expect_line live '*shape\[3\]*'
allocs heap --top 0 $pid > heap
expect_line heap '*circle*'
gdb --batch -p $pid -ex 'generate-core-file core' > gdb.log 2>&1 || skip "gdb cannot make a core here"
allocs what core $round $array > dead || fail "allocs what of the core ended with $?"
expect_line dead '*circle*'
expect_line dead '*shape\[3\]*'
exec 3>&-
wait $pid

# Two units have a class of one name, and only one is described: neither table tells.
cat > one.cc <<'END'
#include <new>
namespace { struct same { virtual ~same() {} virtual int f() { return 1; } int *p; long q; }; }
void *make_one(void *(*get)(unsigned long)) { return new (get(sizeof(same))) same; }
END
cat > two.cc <<'END'
#include <new>
namespace { struct same { virtual ~same() {} virtual int f() { return 2; } long q; double d; }; }
void *make_two(void *(*get)(unsigned long)) { return new (get(sizeof(same))) same; }
END
cat > b.cc <<'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
void *make_one(void *(*)(unsigned long));
void *make_two(void *(*)(unsigned long));
int main() {
  void *const one = make_one(std::malloc), *const two = make_two(std::malloc);
  std::printf("%s %s\n", uniqtype_name(alloc_get_type(one)), uniqtype_name(alloc_get_type(two)));
}
END
$CXX -c -g one.cc
$CXX -c -g0 two.cc
build b.cc one.o two.o
allocs meta build ./b > made
preload ./b > out || fail "exit status $?"
expect out <<'END'
(no type) (no type)
END
