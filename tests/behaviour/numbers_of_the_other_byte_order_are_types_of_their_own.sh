#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Numbers whose most significant byte is the first one are other types than those of the machine's order, say so, and are shown with their values.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'END'
#include <allocs/show.hpp>
#include <iostream>
extern "C" char filled[];
extern "C" void fill(void);
extern "C" const unsigned *plain_number(void);
int main() {
  fill();
  std::cout << allocs::show_allocation(filled) << '\n';
  const allocs::Type type = alloc_get_type(filled);
  for (const allocs::Member &member : type.members()) {
    char text[100];
    member.type.describe(text, sizeof text);
    std::cout << member.name << ' ' << member.type.name() << ' ' << member.type.is_big_endian() << ' ' << text << '\n';
  }
  const allocs::Type plain = alloc_get_type(plain_number()), number = (*type.members().begin()).type;
  std::cout << plain.name() << ' ' << plain.is_big_endian() << ' ' << (uniqtype_by_name("unsigned int") == plain.get()) << '\n';
  std::cout << uniqtype_is_big_endian(nullptr) << type.is_big_endian() << ' ' << (uniqtype_by_name("big_endian_uint$32") == number.get()) << '\n';
}
END
cat > parts.c <<'END'
struct __attribute__((scalar_storage_order("big-endian"))) Parts {
  unsigned number; short negative; char letter; unsigned char low : 3, high : 5;
  unsigned first : 7; unsigned middle : 20; int last : 5;
  double real; int numbers[3]; long long wide : 40;
} filled;
static unsigned plain = 7;
const unsigned *plain_number(void) { return &plain; }
void fill(void) {
  filled.number = 0x01020304, filled.negative = -2, filled.letter = 'x', filled.low = 5, filled.high = 17;
  filled.first = 100, filled.middle = 777777, filled.last = -3, filled.real = 1.5;
  for (int i = 0; i < 3; ++i) filled.numbers[i] = i - 1;
  filled.wide = -99999999999;
}
END
gcc -g -c parts.c 2> errors || skip "gcc does not know the other order: $(cat errors)"
readelf --debug-dump=info parts.o > debug_information 2> errors || skip "readelf is not installed"
grep -q DW_AT_endianity debug_information || skip "this gcc's debug information does not tell the order"
build a.cc -std=c++20 parts.o
preload ./a > out || fail "exit status $?"
expect out <<'END'
{number = 16909060, negative = -2, letter = 'x', high = '\\x11', low = '\\x05', last = -3, middle = 777777, first = 100, real = 1.5, numbers = \[-1, 0, 1\], wide = -99999999999}
number big_endian_uint$32 1 big_endian unsigned int
negative big_endian_int$16 1 big_endian short int
letter signed_char$8 0 char
high unsigned_char$5$0 0 unsigned char:5
low unsigned_char$3$5 0 unsigned char:3
last big_endian_int$5$0 1 big_endian int:5
middle big_endian_uint$20$5 1 big_endian unsigned int:20
first big_endian_uint$7$25 1 big_endian unsigned int:7
real big_endian_float$64 1 big_endian double
numbers __ARR3_big_endian_int$32 0 big_endian int\[3\]
wide big_endian_int$40$24 1 big_endian long:40
uint$32 0 1
00 1
END
