#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc declares lambdas and classes without a name by nothing but that they are: two of them are two types, and what leads to them is two as well.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <utility>
template <class F> int call(F&& f) { return std::forward<F>(f)(); }
int main(int argc, char**) {
  const auto one = [argc] { return argc; };
  const auto other = [argc, &one] { return argc + one(); };
  return call(one) + call(other) - 3;
}
END
for version in 4 5; do
  build a.cc -O0 -gdwarf-$version -fdebug-types-section -std=c++17
  XDG_CACHE_HOME=$PWD/cache.$version allocs meta dump ./a > dump
  # The functions that take such a reference: each its own.
  grep -o ' function std::forward<.* \[_ZSt7forward[^]]*\]' dump | sed 's/^.*&(\(.*\) &) .*$/\1/' | sort > declared
  [ "$(wc -l < declared)" -eq 2 ] || fail "DWARF $version: not two functions: $(grep forward dump)"
  [ "$(sort -u declared | wc -l)" -eq 2 ] || fail "DWARF $version: one type: $(cat declared)"
done
