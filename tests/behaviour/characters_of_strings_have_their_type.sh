#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The buffer of a std::string is an array of characters, whoever grows the string and though libstdc++ has no debug information. That of a
# string of the old ABI has a head in front: not told.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <sstream>
#include <string>
static void show(const std::string &s) {
  const void *at = s.data() + s.size() / 2;
  std::printf("%s %d\n", UNIQTYPE_NAME(alloc_get_type(at)), alloc_get_base(at) == s.data());
}
int main() {
  std::string made(100, 'x'), sum = made + " and more and more and more", pushed, copied = sum, text;
  for (int i = 0; i < 300; ++i) pushed.push_back('y');
  copied.insert(3, "abc").replace(1, 2, "more than there was");
  text.reserve(1000);
  text.assign(made.begin(), made.end());
  std::ostringstream stream;
  stream << sum << 17;
  std::string streamed = stream.str();
  for (const std::string *s : {&made, &sum, &pushed, &copied, &text, &streamed}) show(*s);
}
END
for level in -O0 -O2; do
  build a.cc $level
  ALLOCS_META=wait preload ./a > out
  sort -u out > kinds
  [ "$(cat kinds)" = '__ARR0_signed_char$8 1' ] || fail "at $level: $(cat out)"
  build a.cc $level -D_GLIBCXX_USE_CXX11_ABI=0
  ALLOCS_META=wait preload ./a > out
  ! grep -q signed_char out || fail "old strings at $level: $(cat out)"
done
