#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# allocs::show writes objects of every kind: members, elements, bit-fields, enumerators, text, numbers; pointers are followed, cycles end. What cannot
# be read is said to be so, and what fans out ends.
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
{binary16 = 1.5, tiny = -1.7881393e-07, extended = -2.25, binary128 = 1e+20, complex = <8 bytes at 0x*>}
__default_lib_malloc in brk, depth 2, can, nothing is allocated there
2 links, listed 1
EOF

cat > b.cc <<'EOF'
#include <allocs.hpp>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct Point { int x, y; };
struct Large { char name[4096]; Point points[3]; };
struct Held { Point* point; const char* text; void* any; Large* large; };
static Held held;

static char* closed() { return static_cast<char*>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }
static void show() { std::cout << allocs::show(held) << '\n', held = {}; }

int main() {
  held.point = reinterpret_cast<Point*>(closed()), held.text = closed(), show();
  const int file = open("shortened", O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (ftruncate(file, 8192) != 0) return 1;
  held.point = static_cast<Point*>(mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file, 0));
  if (ftruncate(file, 0) != 0) return 1;
  show();
  void* made;
  if (alloc_new(&__mmap_allocator, allocs::type_of(&held).get(), 1, &made) != ALLOC_OK) return 1;
  mprotect(made, 4096, PROT_NONE);
  std::cout << allocs::show_allocation(made) << '\n';
  held.any = made, show();
  Large* const half = static_cast<Large*>(std::aligned_alloc(4096, 8192)); // its second page is closed
  std::strcpy(half->name, "half"), half->name[4095] = '\0';
  mprotect(half->points, 4096, PROT_NONE);
  held.large = half, held.text = half->name + 4095, show();
  half->name[4095] = 'x', held.text = half->name + 4095, show();
  mprotect(half->points, 4096, PROT_READ | PROT_WRITE);
  // Where the kernel must not be asked it is not.
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {4, filter};
  static Point here = {1, 2};
  static std::string text = "a container";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 1;
  held.point = &here, held.text = "text", show();
  std::cout << allocs::show(text) << '\n';
}
EOF
build b.cc -std=c++20 -fno-rtti -Wall -Wextra -Werror
allocs meta build ./b > made
preload ./b > out || fail "exit status $?"
expect out <<'EOF'
{point = 0x* -> (cannot be read), text = (cannot be read), any = null, large = null}
{point = 0x* -> (cannot be read), text = null, any = null, large = null}
(cannot be read)
{point = null, text = null, any = 0x* -> (cannot be read), large = null}
{point = null, text = "", any = null, large = 0x* -> {name = "half", points = \[{x = (cannot be read), y = (cannot be read)}, {x = (cannot be read), y = (cannot be read)}, {x = (cannot be read), y = (cannot be read)}\]}}
{point = null, text = "x"...(cannot be read), any = null, large = null}
{point = 0x* -> {x = 1, y = 2}, text = "text", any = null, large = null}
{*a container*}
EOF

cat > c.cc <<'EOF'
#include <allocs.hpp>
#include <allocs/sequence.h>
#include <cstdlib>
#include <iostream>

struct Numbers {
  double largest = 1.79e308, least = 4.9e-324, small = 1e-5, nothing = -0.0, third = 1.0 / 3;
  float tenth = 0.1f;
  long double large = 1e4000L, tiny = 1e-4000L;
};
struct Base { int x = 1; virtual ~Base() = default; };
struct Middle : virtual Base { int y = 2; };
struct Open { int n; __extension__ int a[]; };
static_assert((ALLOC_MAY_MOVE | ALLOC_BEHIND) == 12); // of one enumeration: no warning
struct Many { Many* all[16][16]; };
static Numbers numbers;
static Middle middle;
static Open* open_ended;
static Many many[5];
// A character of UTF-8, one that is cut off, one that is too long, a control character, one byte.
static char bytes[] = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xe2\x82 \xc0\xaf \xed\xa0\x80 \xc2\x85\x1b \xff";
static char cut[] = "1234567890123456789012345678901234567890123456789012345678901\xc3\xa9\xc3\xa9";
static unsigned char letter = 200;

int main() {
  open_ended = static_cast<Open*>(std::malloc(sizeof(Open) + 3 * sizeof(int)));
  open_ended->n = 3;
  for (int i = 0; i < 3; ++i) open_ended->a[i] = i;
  for (int i = 0; i < 4; ++i)
    for (auto& row : many[i].all)
      for (auto& each : row) each = &many[i + 1];
  std::cout << allocs::show(numbers) << '\n' << allocs::show(middle) << '\n' << allocs::show(open_ended) << '\n';
  std::cout << allocs::show(bytes) << '\n' << allocs::show(cut) << '\n' << allocs::show(letter) << '\n';
  static char text[80000];
  const std::size_t length = allocs::show(many[0]).to(text, sizeof text);
  std::cout << (length >= 65536 && length < 67000 ? "limited" : "not limited") << '\n';
  std::cout << allocs::show(many[4], {.whole = 20}) << '\n' << allocs::show(bytes, {.whole = 3}) << '\n';
}
EOF
build c.cc -std=c++20 -fno-rtti -fno-exceptions -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror
allocs meta build ./c > made
preload timeout 60 ./c > out || fail "exit status $?"
expect out <<'EOF'
{largest = 1.79e+308, least = 5e-324, small = 1e-05, nothing = -0, third = 0.3333333333333333, tenth = 0.1, large = 1e+4000, tiny = 1e-4000}
{_vptr.Middle = 0x* -> 0x*, y = 2, {_vptr.Base = 0x* -> 0x*, x = 1}}
0x* -> {n = 3, a = \[0, 1, 2\]}
"é€😀 \\xe2\\x82 \\xc0\\xaf \\xed\\xa0\\x80 \\xc2\\x85\\x1b \\xff"
"1234567890123456789012345678901234567890123456789012345678901é"...
'\\xc8'
limited
{all = \[\[null, null, ... 16 in all\], ... 16 in all\]}
"é"...
EOF
