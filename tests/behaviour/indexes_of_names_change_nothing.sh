#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Indexes that compilers leave of names and addresses (.debug_names, .debug_pubnames, .debug_aranges) are not read: the image is the same with them, without them, and if they
# are damaged.
. "$(dirname "$0")/lib.sh"
require python3 objcopy readelf

cat > a.cc << 'END'
#include <cstdio>
namespace shop {
struct item { int price; const char *name; item *next; };
enum class colour { red, green };
template <typename T> struct box { T content; colour of; };
box<item> stock[3];
thread_local int count;
static int sum(const item *first) {
  int all = 0;
  for (const item *each = first; each != nullptr; each = each->next) all += each->price;
  return all;
}
}
int main() {
  shop::item *one = new shop::item{1, "one", nullptr};
  std::printf("%d\n", shop::sum(one) + shop::count + shop::stock[0].content.price);
}
END

# What an image says, without which object it is of.
said() {
  rm -f image
  timeout 60 allocs meta build -o image "./$1" > made 2> errors || fail "$1: exit status $?: $(cat errors)"
  allocs meta dump image | sed -n '/^types$/,$p'
}
tried=0
for compiler in clang++-19 g++; do
  command -v $compiler > /dev/null || continue
  for dwarf in 4 5; do
    flags="-g -gdwarf-$dwarf -O1 a.cc -Wl,--build-id=none"
    # shellcheck disable=SC2086
    $compiler $flags -gno-pubnames -o plain
    said plain > plain.said
    [ "$(grep -c 'shop::' plain.said)" -gt 5 ] || fail "nothing is said: $(cat plain.said)"
    # shellcheck disable=SC2086
    $compiler $flags -gpubnames -o indexed
    said indexed > indexed.said
    diff plain.said indexed.said || fail "$compiler: DWARF $dwarf with indexes is another"
    for section in .debug_names .debug_pubnames .debug_pubtypes .debug_gnu_pubnames .debug_gnu_pubtypes .debug_aranges; do
      readelf -SW indexed | grep -q " $section " || continue
      tried=$((tried + 1))
      objcopy --remove-section $section indexed without
      said without > without.said
      diff plain.said without.said || fail "$compiler: DWARF $dwarf without $section is another"
      objcopy --dump-section $section=content indexed
      for damage in zero ones short noise; do
        python3 - $damage << 'END'
import random, sys
content = bytearray(open("content", "rb").read())
kind = sys.argv[1]
random.seed(len(content))
if kind == "zero": content = bytes(len(content))
if kind == "ones": content = b"\xff" * len(content)
if kind == "short": content = content[:len(content) // 3]
if kind == "noise": content = bytes(random.randrange(256) for _ in content)
open("damaged", "wb").write(content)
END
        objcopy --update-section $section=damaged indexed broken
        said broken > broken.said
        diff plain.said broken.said || fail "$compiler: DWARF $dwarf with $section that is $damage is another"
      done
    done
  done
done
[ $tried -gt 2 ] || fail "only $tried indexes were tried"
