#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is reachable is found by whatever way it is: through a virtual base, behind a header, in a mapping that was made with a type, in packed structures. Who refers to it is told for the same places.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF'
#include <allocs/allocator.h>
#include <allocs/walk.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

struct Leaf { int number; };
struct Base { Leaf *leaf; virtual ~Base() {} };
struct Left : virtual Base { long left; };
struct Right : virtual Base { long right; };
struct Diamond : Left, Right { long own; };
struct Table { long count; Leaf *slot[1]; };
struct [[gnu::packed]] Odd { char tag; Leaf *leaf; };
struct Node { long number; Leaf *leaf; Node *next; Odd odd; };

static Diamond *diamond;
static Table *table;
static Node *mapped;
static Odd odd, *odd_block;
static char bytes[32];
static Node a_node;
static std::uintptr_t secret[12]; // addresses as nobody takes them for one
static Leaf *leaf(int i) { return reinterpret_cast<Leaf *>(~secret[i]); }
static volatile unsigned many = 10;
static std::uintptr_t hide(const void *address) { return ~reinterpret_cast<std::uintptr_t>(address); }

#define APART [[gnu::noinline]] static
template <typename T> APART T *make() { return static_cast<T *>(std::calloc(1, sizeof(T))); }
APART Leaf *make_leaf(int i) {
  Leaf *made = make<Leaf>();
  secret[i] = ~reinterpret_cast<std::uintptr_t>(made);
  return made;
}
APART void put(void *where, void *what) { std::memcpy(where, &what, sizeof what); }
APART void fill() {
  diamond = new Diamond;
  diamond->leaf = make_leaf(0);
  table = static_cast<Table *>(std::malloc(sizeof(Table) + (many - 1) * sizeof(Leaf *)));
  std::memset(table, 0, sizeof(Table) + (many - 1) * sizeof(Leaf *));
  table->slot[7] = make_leaf(1);
  void *made = nullptr;
  if (alloc_new(&__mmap_allocator, alloc_get_type(&a_node), 1000, &made) != 0) std::puts("no mapping");
  mapped = static_cast<Node *>(made);
  mapped[500].leaf = make_leaf(2);
  put(&mapped[600].odd.leaf, make_leaf(3));
  odd.leaf = make_leaf(4);
  odd_block = make<Odd>();
  odd_block->leaf = make_leaf(5);
  Node *holder = make<Node>();
  mapped[900].next = holder;
  secret[9] = ~reinterpret_cast<std::uintptr_t>(&holder->leaf);
  holder->leaf = make_leaf(6);
  put(bytes + 3, make_leaf(7)); // there nothing says that a pointer is
  mapped[700].number = static_cast<long>(reinterpret_cast<std::uintptr_t>(make_leaf(8)));
}
// What it leaves on the stack lies where wipe() wipes.
APART void fill_further_down() {
  volatile char room[5000];
  room[0] = 1;
  fill();
  (void)room[0];
}
APART void wipe() { volatile char dead[60000]; std::memset(const_cast<char *>(dead), 0, sizeof dead); }

APART int route(std::uintptr_t hidden, alloc_reference *steps) {
  wipe();
  return alloc_find_route(reinterpret_cast<void *>(~hidden), 0, steps, 8);
}
APART void tell(const char *what, int i, const void *root, std::uintptr_t hidden) {
  alloc_reference steps[8] = {};
  const int length = route(secret[i], steps);
  const alloc_reference &last = steps[length > 0 ? length - 1 : 0];
  std::printf("%s: %d %s %s %s\n", what, length, length > 0 && steps[0].at == root ? "from its root" : "-", length > 0 && ~reinterpret_cast<std::uintptr_t>(last.at) == hidden ? "to its place" : "-",
              length > 0 && last.type != nullptr ? "typed" : "-");
}
struct Seen { const void *at; int count, found, typed; };
static int refers(const alloc_reference *reference, void *context) {
  auto *seen = static_cast<Seen *>(context);
  ++seen->count;
  if (reference->at == seen->at) ++seen->found, seen->typed = reference->type != nullptr;
  return 0;
}
APART void tell_referrer(const char *what, int i, const void *at) {
  Seen seen = {at, 0, 0, 0};
  wipe();
  alloc_walk_referrers(leaf(i), 0, refers, &seen);
  std::printf("%s: %d %s\n", what, seen.found, seen.typed ? "typed" : "-");
}
// In a frame too.
APART void tell_local() {
  volatile Odd local = {1, leaf(4)};
  tell_referrer("in a variable of a frame", 4, const_cast<Leaf **>(&local.leaf));
}
static int count_mapping(const alloc_reached *reached, void *context) {
  const bool is_it = reached->block.base == mapped && reached->block.allocator == &__mmap_allocator;
  if (is_it) std::printf("the mapping is reached at distance %lu, %s\n", static_cast<unsigned long>(reached->distance), reached->at == &mapped ? "by its root" : "-");
  return (void)context, is_it ? ALLOC_WALK_PRUNE : 0;
}

int main() {
  fill_further_down();
  tell("a virtual base", 0, &diamond, hide(&diamond->leaf));
  std::printf("%s of %zu bytes\n", uniqtype_name(alloc_get_type(table)), alloc_get_size(table));
  tell("behind a header", 1, &table, hide(&table->slot[7]));
  tell("in a mapping", 2, &mapped, hide(&mapped[500].leaf));
  tell("packed, in a mapping", 3, &mapped, hide(&mapped[600].odd.leaf));
  tell("packed, a variable", 4, &odd.leaf, hide(&odd.leaf));
  tell("packed, in a block", 5, &odd_block, hide(&odd_block->leaf));
  tell("from a mapping to a block and on", 6, &mapped, secret[9]);
  tell("anywhere in bytes", 7, bytes + 3, hide(bytes + 3));
  tell("a number", 8, &mapped, hide(&mapped[700].number));
  alloc_reference steps[8];
  std::printf("the mapping itself: %d", route(~reinterpret_cast<std::uintptr_t>(&mapped[3]), steps));
  std::printf(" %s %s\n", steps[0].at == &mapped ? "from its root" : "-", steps[0].target == mapped ? "to its beginning" : "-");
  alloc_walk_graph(0, count_mapping, nullptr);
  tell_referrer("virtual base", 0, &diamond->leaf);
  tell_referrer("behind a header", 1, &table->slot[7]);
  tell_referrer("in a mapping", 2, &mapped[500].leaf);
  tell_referrer("packed, in a mapping", 3, &mapped[600].odd.leaf);
  tell_referrer("packed, a variable", 4, &odd.leaf);
  tell_referrer("packed, in a block", 5, &odd_block->leaf);
  tell_referrer("anywhere in bytes", 7, bytes + 3);
  tell_referrer("a number", 8, &mapped[700].number);
  tell_local();
  std::printf("freed: %d", alloc_free(mapped));
  std::printf(" %d %d\n", route(secret[2], steps), route(~reinterpret_cast<std::uintptr_t>(&mapped[3]), steps));
  return 0;
}
EOF
build a.cc -Wall -Werror -fno-omit-frame-pointer
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
a virtual base: 2 from its root to its place typed
Table of 88 bytes
behind a header: 2 from its root to its place -
in a mapping: 2 from its root to its place typed
packed, in a mapping: 2 from its root to its place typed
packed, a variable: 1 from its root to its place typed
packed, in a block: 2 from its root to its place typed
from a mapping to a block and on: 3 from its root to its place typed
anywhere in bytes: -1 - - -
a number: -1 - - -
the mapping itself: 1 from its root to its beginning
the mapping is reached at distance 1, by its root
virtual base: 1 typed
behind a header: 1 -
in a mapping: 1 typed
packed, in a mapping: 1 typed
packed, a variable: 1 typed
packed, in a block: 1 typed
anywhere in bytes: 0 -
a number: 0 -
in a variable of a frame: 1 typed
freed: 0 -1 -14
EOF
