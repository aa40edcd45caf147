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
  char name[20];
  uniqtype_describe(alloc_get_type(at), name, sizeof name);
  alloc_info info;
  alloc_query(at, 0, &info);
  std::printf("%s %s %d %d %d\n", UNIQTYPE_NAME(alloc_get_type(at)), name, info.base == s.data(), info.type_grade == ALLOC_GRADE_STRONG,
              (info.evidence & (ALLOC_EV_LIBRARY_FACT | ALLOC_EV_DEBUG_INFORMATION)) == ALLOC_EV_LIBRARY_FACT);
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
  [ "$(cat kinds)" = '__ARR0_signed_char$8 char[] 1 1 1' ] || fail "at $level: $(cat out)"
  build a.cc $level -D_GLIBCXX_USE_CXX11_ABI=0
  ALLOCS_META=wait preload ./a > out
  ! grep -q signed_char out || fail "old strings at $level: $(cat out)"
done

# So is the buffer of a file, and what libstdc++ keeps for exceptions when there is no memory: in every program, 72 704 bytes of it with gcc 12.
cat > kept.cc << 'END'
#include <allocs.h>
#include <allocs/walk.h>
#include <cstdio>
#include <fstream>
static int tell(const alloc_info *block, void *) {
  if (block->size > 5000) std::printf("%zu %s %d\n", block->size, UNIQTYPE_NAME(block->type), block->type_grade == ALLOC_GRADE_STRONG);
  return 0;
}
int main() {
  std::ofstream file("written");
  file << 17;
  alloc_walk_blocks(0, tell, nullptr);
}
END
build kept.cc
ALLOCS_META=wait preload ./kept > out
grep -q '^8192 __ARR0_signed_char$8 1$' out || fail "a file's buffer: $(cat out)"
grep -q '^7[0-9]* __ARR0_signed_char$8 1$' out || fail "the memory for exceptions: $(cat out)"
[ "$(grep -c . out)" = 2 ] || fail "large blocks: $(cat out)"

# What follows a member of string in a stripped library, without a symbol of its own, is not that member.
cat > members.cc << 'END'
#include <string>
std::string made_of(const char *from, const char *to) { return std::string(from, to); }
END
cat > hidden.cc << 'END'
#include <new>
__attribute__((visibility("hidden"), noinline)) void *made_in_hidden(unsigned long size) { return ::operator new(size); }
END
cat > entry.cc << 'END'
void *made_in_hidden(unsigned long) __attribute__((visibility("hidden")));
void *made(unsigned long size) { void *volatile at = made_in_hidden(size); return at; }
END
cat > asks.cc << 'END'
#include <allocs.h>
#include <cstdio>
void *made(unsigned long);
int main() { std::puts(UNIQTYPE_NAME(alloc_get_type(made(64)))); }
END
for source in members hidden entry; do $CXX -O0 -g0 -fPIC -c $source.cc; done
$CXX -shared -Wl,-soname,libmade.so -o libmade.so entry.o members.o hidden.o
strip libmade.so
nm -D libmade.so | grep -q 'basic_stringIcSt11char_traits.*_M_construct' || fail "the library has no member of string: $(nm -D libmade.so)"
build asks.cc -O0 "$PWD/libmade.so" "-Wl,-rpath,$PWD"
ALLOCS_META=wait preload ./asks > out
[ "$(cat out)" = "(no type)" ] || fail "a block of another function: $(cat out)"
