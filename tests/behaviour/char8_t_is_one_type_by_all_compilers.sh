#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc describes char8_t as an unsigned number and clang as a character: it is one type all the same, in the debug information and in what the plugin tells.
. "$(dirname "$0")/lib.sh"
require allocs
cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
struct text { char8_t c8; char16_t c16; char32_t c32; unsigned char u; } *one;
void *volatile kept;
static void tell(void *block) {
  char name[30];
  kept = block;
  uniqtype_describe(alloc_get_type(block), name, sizeof name);
  printf("%s, %s\n", UNIQTYPE_NAME(alloc_get_type(block)), name);
}
int main(int argc, char **) {
  const auto n = static_cast<unsigned>(argc) + 5;
  one = new text();
  tell(new char8_t[n]);
  tell(new char16_t[n]);
  tell(new unsigned char[n]);
}
END
export XDG_CACHE_HOME="$PWD/cache"
for compiler in $(command -v g++ || true) $(command -v clang++-19 || true); do
  echo "$compiler"
  allocsc++ --allocs-cc="$compiler" -std=c++20 -O1 -I"$ALLOCS_PREFIX/include" a.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
  preload ./a > out
  expect out << 'END'
__ARR0_utf$8, char8_t*
__ARR0_utf$16, char16_t*
__ARR0_unsigned_char$8, unsigned char*
END
  allocs meta dump a > dump
  grep -q 'utf$8 "char8_t" : 1' dump || fail "another char8_t: $(grep char8_t dump)"
done
