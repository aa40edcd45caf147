#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each byte of each field of an object with base classes is told to be that field's: behind the end of a base class, in its padding, and in virtual bases, which
# the object has once. So says the compiler, which takes the address. While the object is made or gone nothing wrong is told.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF'
#include <allocs.h>
#include <allocs/walk.h>
#include <allocs.hpp>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>
#include <string>
#include <vector>
#define APART __attribute__((noinline))

struct Field { const char *at; std::size_t size; std::string path; };
static std::vector<Field> fields;
static std::string root;
static bool looks = false;
static long right, wrong, untold, right_meanwhile, wrong_meanwhile;  // bytes
static std::string path_of(const void *p) {
  char text[300];
  alloc_format_path(p, 0, text, sizeof text);
  return text;
}
APART void compare(bool meanwhile) {
  for (const Field &field : fields)
    for (std::size_t i = 0; i < field.size; ++i) {
      const std::string told = path_of(field.at + i), expected = root + field.path;
      const bool is_right = told == expected, is_nothing = !is_right && expected.compare(0, told.size(), told) == 0;
      if (!is_right && (!is_nothing || !meanwhile)) std::printf("%s%s: %s\n", meanwhile ? "meanwhile " : "", expected.c_str(), told.c_str());
      (meanwhile ? is_right ? right_meanwhile : is_nothing ? untold : wrong_meanwhile : is_right ? right : wrong) += 1;
    }
}
APART void meanwhile() { if (looks) compare(true); }
#define MADE(type) APART type() { meanwhile(); } APART virtual ~type() { meanwhile(); }
#define MADE_PLAIN(type) APART type() { meanwhile(); } APART ~type() { meanwhile(); }

struct Empty {};
struct Other {};
struct Padded { MADE(Padded) int a = 1; char b = 2; };
struct InPadding : Padded, Empty { char c = 3; int bits : 5; short d = 4; };
struct V { MADE_PLAIN(V) long *vp = nullptr; char v = 5; };
struct Near { MADE(Near) };
struct L : virtual V { MADE_PLAIN(L) long l = 6; char *lp = nullptr; };
struct R : virtual V, Empty { MADE_PLAIN(R) char *rp = nullptr; char r = 7; };
struct P : virtual Near { MADE(P) char *pp = nullptr; };
struct Diamond : L, R { MADE_PLAIN(Diamond) char d = 8; };
struct Nested : P, virtual Diamond, virtual InPadding { MADE(Nested) int n = 9; };
struct Holder : Other, virtual L { MADE_PLAIN(Holder) Diamond inner[2]; char h = 10; };
struct Most : Nested, Holder { MADE(Most) short m = 11; };

template <typename T> void note(const T &field, const std::string &path) { fields.push_back({reinterpret_cast<const char *>(&field), sizeof field, path}); }
#define NOTE(field) note(o.field, path + "." #field)
static void learn(const InPadding &o, const std::string &path) { NOTE(a); NOTE(b); NOTE(c); NOTE(d); }
static void learn(const L &o, const std::string &path) { NOTE(vp); NOTE(v); NOTE(l); NOTE(lp); }
static void learn(const Diamond &o, const std::string &path) { learn(static_cast<const L &>(o), path); NOTE(rp); NOTE(r); NOTE(d); }
static void learn(const Nested &o, const std::string &path) { NOTE(pp); NOTE(n); learn(static_cast<const Diamond &>(o), path); learn(static_cast<const InPadding &>(o), path); }
static void learn(const Holder &o, const std::string &path) {
  learn(static_cast<const L &>(o), path);
  learn(o.inner[0], path + ".inner[0]");
  learn(o.inner[1], path + ".inner[1]");
  NOTE(h);
}
static void learn(const Most &o, const std::string &path) {
  NOTE(m);
  learn(static_cast<const Nested &>(o), path);
  NOTE(inner[0].vp);
  NOTE(inner[1].d);
  NOTE(h);
  note(static_cast<const L &>(static_cast<const Holder &>(o)).l, path + ".l");
}

InPadding in_padding;
Diamond diamond;
Nested nested;
Holder holder;
Most most, many[2];
thread_local Most local_of_thread;
template <typename T> APART void check(const std::string &name, T &object, const std::string &prefix = "") {
  fields.clear();
  root = name;
  learn(object, prefix);
  compare(false);
}
template <typename T> APART void make_again(T &object, const std::string &name) {
  check(name, object);
  looks = true;
  object.~T();
  meanwhile();
  std::memset(static_cast<void *>(&object), 0, sizeof object);
  meanwhile();
  new (&object) T;
  looks = false;
  compare(false);
}
struct References {
  const void *wanted, *before;
  int times;
  bool are_by_address;
};
static int note_reference(const alloc_reference *each, void *context) {
  References &found = *static_cast<References *>(context);
  found.are_by_address &= each->at > found.before;
  found.before = each->at;
  found.times += each->at == found.wanted;
  return 0;
}
APART void tell_references(const Most *object) {
  References found{&static_cast<const Diamond &>(*object).vp, nullptr, 0, true};
  alloc_walk_references(object, 0, note_reference, &found);
  std::printf("pointers: %s, that of the virtual base %d times\n", found.are_by_address ? "by address" : "not by address", found.times);
}
int main(int count, char **) {
  check("in_padding", in_padding);
  check("diamond", diamond);
  check("nested", nested);
  check("holder", holder);
  check("many[1]", many[1]);
  check("local_of_thread", local_of_thread);
  Most *const block = new Most;
  char begin[60];
  std::snprintf(begin, sizeof begin, "((Most *)%p)", static_cast<void *>(block));
  fields.clear();
  learn(*block, "->");
  for (Field &field : fields) field.path.erase(2, 1);
  root = begin;
  compare(false);
  { Diamond on_stack; check(path_of(&on_stack).substr(0, path_of(&on_stack).find("on_stack")) + "on_stack", on_stack); }
  make_again(nested, "nested");
  make_again(holder, "holder");
  make_again(most, "most");
  tell_references(block);
  std::printf("fields: %s right, %ld wrong; meanwhile %s right, %ld wrong, %s untold\n", right > 300 ? "many" : "few", wrong, right_meanwhile > 300 ? "many" : "few", wrong_meanwhile, untold > 300 ? "many" : "few");
  allocs::for_each_covering(&in_padding.c, -1, [](const alloc_subobject &sub) { std::printf("c is in %s\n", sub.name); });
  std::cout << allocs::show(diamond) << '\n';
  if (count > 1) {
    std::printf("ready %p\n", static_cast<void *>(&nested.v));
    std::fflush(stdout);
    std::fflush(stdout);
    std::getchar();
  }
}
EOF
for compiler in g++ clang++-19; do
  command -v $compiler > /dev/null || continue
  for level in -O0 -O2; do
    CXX=$compiler build a.cc -std=c++20 -Wno-inaccessible-base $level
    allocs meta build ./a > made || fail "allocs meta build ended with $?"
    preload timeout 100 ./a > out || fail "exit status $?"
    expect out <<'EOF'
pointers: by address, that of the virtual base 1 times
fields: many right, 0 wrong; meanwhile many right, 0 wrong, many untold
c is in c
{{_vptr?L = 0x*, l = 6, lp = null}, {_vptr?R = 0x*, rp = null, r = '*07'}, d = '*08', {vp = null, v = '*05'}}
EOF
  done
done
# Streams have one, whose table is the library's. By default compilers only declare these classes.
cat > stream.cc <<'EOF'
#include <allocs.h>
#include <allocs/walk.h>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>
std::ofstream file;
static void tell(const char *what, const std::ios *base) {
  struct Found { const std::ios *base; bool is_there; } found{base, false};
  alloc_walk_covering(base, -1, 0, [](const alloc_subobject *sub, void *context) {
    Found &found = *static_cast<Found *>(context);
    found.is_there |= sub->base == found.base && sub->depth == 1 && std::string_view(uniqtype_name(sub->type)).substr(0, 15) == "std::basic_ios<";
    return 0;
  }, &found);
  std::printf("%s: %s\n", what, found.is_there ? "told" : "not told");
}
int main() {
  std::ostringstream *const text = new std::ostringstream;
  *text << 1;
  tell("ofstream", &file);
  tell("ostringstream", text);
}
EOF
if command -v clang++-19 > /dev/null; then
  CXX=clang++-19 build stream.cc -std=c++20 -fstandalone-debug
  # The tables of these classes are in the C++ library.
  library=$(ldd ./stream | sed -n 's/.*libstdc++[^ ]* => \([^ ]*\).*/\1/p')
  for object in ./stream "$library"; do allocs meta build "$object" > made || fail "allocs meta build ended with $?"; done
  preload ./stream > out || fail "exit status $?"
  expect out <<'EOF'
ofstream: told
ostringstream: told
EOF
fi
# From outside: a running process.
start_guest ./a x
allocs what $pid "$(sed -n 's/^ready //p' output)" > what || fail "allocs what ended with $?"
exec 3>&-
wait $pid
grep -q 'nested\.v' what || fail "$(cat what)"
