#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# allocs::show writes objects of every kind: members, elements, bit-fields, enumerators, text, numbers; pointers are followed, cycles end.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF'
#include <allocs.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>

enum Colour { red, green = 5, blue = -3 };
struct Base { short small; };
struct Everything : Base {
  bool yes;
  char letter;
  Colour colour;
  unsigned low : 3;
  int high : 5;
  float half;
  double large;
  const char* text;
  char buffer[6];
  int numbers[3];
  Everything* self;
  void (*call)();
  void* anything;
  union { int whole; unsigned char first; };
};
struct Numbers {
  _Float16 binary16;
  _Float16 tiny;
  long double extended;
  __float128 binary128;
  _Complex float complex;
};
static Numbers numbers = {(_Float16)1.5, (_Float16)-0x3p-24, -2.25, 1e20, {}};
struct Link { Link* next; int value; };
static void callee() {}
static Everything all;
static Link *ring, *lone;
static int many[40];

int main() {
  Link local = {nullptr, 7};
  all.small = -2, all.yes = true, all.letter = 'x', all.colour = green, all.low = 5, all.high = -7, all.half = 0.5f, all.large = -1234.25;
  all.text = "he said \"hi\"", std::snprintf(all.buffer, sizeof all.buffer, "ab\n");
  all.numbers[1] = -1, all.self = &all, all.call = callee, all.anything = &all.numbers[1], all.whole = 65;
  std::cout << allocs::show(all) << '\n';
  ring = static_cast<Link*>(std::malloc(sizeof(Link)));
  ring->next = static_cast<Link*>(std::malloc(sizeof(Link)));
  *ring->next = {ring, 2}, ring->value = 1;
  std::cout << allocs::show(*ring) << '\n' << allocs::show(ring) << '\n' << allocs::show(many) << '\n' << allocs::show(local) << '\n';
  std::cout << allocs::show(all.colour) << ' ' << allocs::show(all.numbers[1]) << ' ' << allocs::show(lone) << '\n';
  lone = reinterpret_cast<Link*>(0x123);
  char text[16];
  const std::size_t length = allocs::show(*ring, {.depth = 0}).to(text, sizeof text);
  std::cout << allocs::show(lone) << ' ' << text << (length > sizeof text ? " cut" : " whole") << '\n';
  for (const allocs::Member& member : allocs::type_of(ring).members())
    std::cout << member.name << " at " << member.offset << ", " << member.type.name() << '\n';
  std::cout << allocs::show(numbers) << '\n';
  const allocs::Allocation block = allocs::Allocation::of(ring);
  std::cout << block.allocator_name() << " in " << block.parent().allocator_name() << ", depth " << block.depth() << ", "
            << (block.traits().capabilities == 15 ? "can" : "cannot") << ", " << allocs::Allocation::of(reinterpret_cast<void*>(8)).why() << '\n';
  int links = 0, listed = 0;
  for (const allocs::Allocation& each : allocs::blocks()) links += each.type() == block.type();
  for (const allocs::Allocation& each : block.parent().children()) listed += each == block;
  std::cout << links << " links, listed " << listed << '\n';
}
EOF
build a.cc -std=c++20 -fno-rtti -Wall -Wextra -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
{{small = -2}, yes = true, letter = 'x', colour = green, low = 5, high = -7, half = 0.5, large = -1234.25, text = "he said \\"hi\\"", buffer = "ab\\n", numbers = \[0, -1, 0\], self = 0x* <as above>, call = 0x* <callee>, anything = 0x*, {whole = 65, first = 'A'}}
{next = 0x* -> {next = 0x* <as above>, value = 2}, value = 1}
0x* -> {next = 0x* -> {next = 0x* <as above>, value = 2}, value = 1}
\[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ... 40 in all\]
{next = null, value = 7}
green -1 null
0x123 {next = 0x*cut
next at 0, __PTR_Link
value at 8, int$32
{binary16 = 1.5, tiny = -1.788139e-7, extended = -2.25, binary128 = 1e20, complex = <8 bytes at 0x*>}
__default_lib_malloc in brk, depth 2, can, nothing is allocated there
2 links, listed 1
EOF
