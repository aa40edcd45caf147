#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The site list beside gcc leaves out inline functions and templates of headers that the unit does not use, and nothing else; where
# reading a function late would mean something else, the whole source is read in its order.
. "$(dirname "$0")/lib.sh"
need_plugin
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"

cat > header.h << 'END'
#include <cstdlib>
#include <new>
template <int n> struct part { char bytes[n]; };
template <int n> void make() { delete new part<n>; }
inline void nobody() { make<101>(); new part<102>; }
template <class T> void no_instance() { new part<103>; }
struct unused { void member() { new part<104>; } operator int *() { return new int[105]; } };

inline void direct() { new part<1>; }
inline void through_another() { make<2>(); }
inline void outer() { through_another(); }
static inline int *file_static() { return static_cast<int *>(std::malloc(3 * sizeof(int))); }
template <class T> void from_template(T) { struct local { T of[4]; }; direct(); new local; }
inline void only_from_template() { new part<5>; }
template <class T> void calls_inline(T) { only_from_template(); }
struct base { virtual ~base(); virtual void run(); virtual void pure() = 0; };
struct all : base {
  all() : first(new part<6>) { new part<7>; }
  all(int n) : all() { new part<8>[n]; }
  ~all() override { new part<9>; }
  void run() override { new part<10>; }
  void pure() noexcept(true) final { new part<11>; }
  void later() { helper(); }
  void helper() { new part<12>; }
  static void shared() { new part<13>; }
  operator long *() { return new long[14]; }
  all &operator+=(int) { new part<15>; return *this; }
  auto deduced() { return new part<16>; }
  auto trailing() -> part<17> * { return new part<17>; }
  void lambda() { [](auto of) { new part<18>; delete of; }(new char); }
  void nested() { struct inner { void go() { new part<19>; } }; inner().go(); }
  void attempt() try { new part<20>; } catch (...) { new part<21>; }
  [[nodiscard]] __attribute__((noinline)) int attributed(int = sizeof(part<3>{})) const { new part<22>; return 0; }
  friend void befriended(all &) { new part<23>; }
  struct deep { void go() { new part<24>; } } within;
  part<6> *first;
};
inline void by_address() { new part<25>; }
#define DEFINE(name, n) inline void name() { new part<n>; }
DEFINE(by_macro, 26)
inline void initialises() { new part<27>; }
static const int value = (initialises(), 1);
namespace a { namespace { inline void anonymous() { new part<28>; } } }
constexpr int counted(int n) { return n ? counted(n - 1) : 0; }
inline void nested_braces() { if (int x[] = {1, 2}; x[0]) { new part<29>; } }
struct cleaner { ~cleaner() { new part<30>; } };
inline long operator""_units(unsigned long long n) { new part<31>; return n; }
inline void recursive(int n) { if (n) recursive(n - 1); new part<32>; }
inline void with_pragmas(int n) {
#pragma GCC diagnostic push
  for (int i = 0; i < n; ++i) new part<33>;
#pragma GCC diagnostic pop
}
END
cat > a.cc << 'END'
#include "header.h"
void (*address)() = by_address;
int main(int argc, char **) {
  direct(); outer(); file_static(); from_template('a'); calls_inline(1);
  all *one = new all(argc);
  one->later(); all::shared(); long *numbers = *one; *one += 1; one->deduced(); one->trailing(); one->lambda(); one->nested();
  one->attempt(); int n = one->attributed(); befriended(*one); one->within.go(); by_macro(); a::anonymous(); nested_braces();
  static thread_local cleaner at_the_end;
  (void)at_the_end; (void)numbers; recursive(2); with_pragmas(n);
  delete one;
  return n + value + counted(3) + 3_units;
}
END
sites() { tr '\t' ' ' < "$1" | grep '^site'; }
clang++-19 -std=c++17 -w -fsyntax-only -fplugin="$plugin" -Xclang -plugin-arg-allocs -Xclang list=all a.cc
"$lister" used "$(command -v clang++-19)" -std=c++17 -w -fsyntax-only a.cc
sites all | grep -v ' part<10[0-9]> \|unused' > expected
sites used > told
[ "$(wc -l < expected)" -ge 34 ] || fail "only $(wc -l < expected) sites in all"
diff expected told || fail "the list is not what the unit uses"
[ "$(sites all | wc -l)" -gt "$(wc -l < told)" ] || fail "what nothing uses was to be in the list of all"

# Of some directives inside a function the parser makes what no token says.
cat > directive.h << 'END'
inline void with_directive(int n) {
#pragma clang loop unroll(enable)
  for (int i = 0; i < n; ++i) new long[n];
}
inline void nobody() { new int; }
END
printf '#include "directive.h"\nint main(int n, char **) { with_directive(n); }\n' > directive.cc
"$lister" directive "$(command -v clang++-19)" -w -fsyntax-only directive.cc
sites directive | grep -q '^site _Z14with_directivei .* int.64 8 ' || fail "with a directive: $(cat directive)"

# `word` in the header is the first one, and nothing once both are known.
cat > early.h << 'END'
namespace first { struct word { int of[3]; }; }
using namespace first;
inline void *make_word() { return new word; }
END
cat > ambiguous.cc << 'END'
#include "early.h"
namespace second { struct word { int of[4]; }; }
using namespace second;
int main() { return make_word() == nullptr; }
END
"$lister" ambiguous "$(command -v clang++-19)" -w -fsyntax-only ambiguous.cc
sites ambiguous | grep -q ' first::word 12 ' || fail "an ambiguous name: $(cat ambiguous)"

# Broken is broken, read either way.
echo 'int f( { return 1; }' > broken.cc
if "$lister" broken "$(command -v clang++-19)" -w -fsyntax-only broken.cc; then fail "a broken source was understood"; fi
[ ! -e broken ] || fail "a broken source has a list"
