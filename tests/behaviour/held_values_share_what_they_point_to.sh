#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In C++: values that hold what they point to, from any number of threads, over any malloc; what operator delete gives up stays for those who hold it.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF'
#include <allocs.hpp>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

static std::atomic<int> alive, wrong;
struct Part {
  explicit Part(int n) : number(n) { ++alive; }
  ~Part() { --alive; number = -1; }
  Part(const Part&) = delete;
  int number;
};
struct Whole {
  explicit Whole(int n) : part(allocs::make_held<Part>(n)), number(n) { ++alive; }
  ~Whole() { --alive; }
  allocs::Held<Part> part;
  allocs::Held<Whole> next;
  int number;
};
struct alignas(128) Wide { char bytes[300]; };

static bool is_block(const void* p) { return alloc_get_holders(p, nullptr, 0) >= 0; }
template <typename T, typename Delete>
static int stays(T* made, Delete give_up) {
  std::memset(static_cast<void*>(made), 7, sizeof(T));
  const std::size_t size = alloc_get_size(made);
  allocs::Held<T> held(made);
  // What a compiler knows of operator delete does not hold here.
  void (*volatile opaque)(T*) = give_up;
  opaque(made);
  const bool stays = held && is_block(made) && alloc_get_size(made) == size && *reinterpret_cast<volatile char*>(made) == 7;
  held = {};
  return stays && !is_block(made);
}

int main() {
  {
    const auto whole = allocs::make_held<Whole>(5);
    allocs::Held<Part> part = whole->part;
    const allocs::Held<Part> moved = std::move(part);
    std::printf("made %d, %d %d, moved %d %d\n", alive.load(), whole->number, moved->number, !part, moved == whole->part);
  }
  std::printf("gone %d\n", alive.load());
  {
    allocs::Held<Whole> first;
    for (int i = 0; i < 100000; ++i) {
      auto whole = allocs::make_held<Whole>(i);
      whole->next = std::move(first);
      first = std::move(whole);
    }
    const int before = alive;
    first = {};
    std::printf("a list of %d goes: %d\n", before, alive.load());
  }
  {
    auto shared = allocs::make_held<Whole>(1);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([copy = shared] {
        for (int i = 0; i < 20000; ++i) {
          allocs::Held<Part> part = copy->part;
          allocs::Held<Whole> again = copy;
          if (part->number != 1 || again->number != 1) ++wrong;
        }
      });
    shared = {};
    for (auto& thread : threads) thread.join();
    threads.clear();
    std::printf("threads: %d wrong, %d alive\n", wrong.load(), alive.load());
  }
  const int all = stays(new int, [](int* p) { delete p; }) + stays(new Wide, [](Wide* p) { delete p; }) +
                  stays(new long[10], [](long* p) { delete[] p; }) +
                  stays(new (std::nothrow) char[100], [](char* p) { delete[] p; }) +
                  stays(static_cast<long*>(::operator new(40)), [](long* p) { ::operator delete(p, std::size_t{40}); }) +
                  stays(static_cast<long*>(::operator new(40, std::align_val_t{64})), [](long* p) { ::operator delete(p, std::align_val_t{64}); });
  std::printf("deleted: %d of 6 stay and go; twice %lu\n", all, static_cast<unsigned long>(alloc_count_excess_frees()));
  auto* cell = new (std::nothrow) long(3);
  std::printf("while reachable: %d, collected %d", allocs::keep_while_reachable(cell), allocs::collect().error);
  std::printf(", there %d\n", is_block(cell));
  static long variable;
  std::printf("refused: %d %d\n", !allocs::Held<long>(&variable), !allocs::Held<long>(nullptr));
  return 0;
}
EOF
build a.cc -std=c++20 -pthread -O1 -Wall -Wextra -Werror -Wno-use-after-free -fno-builtin
cat > wanted <<'EOF'
made 2, 5 5, moved 1 1
gone 0
a list of 200000 goes: 0
threads: 0 wrong, 0 alive
deleted: 6 of 6 stay and go; twice 0
while reachable: 0, collected 0, there 1
refused: 1 1
EOF
preload ./a > out || fail "exit status $?"
expect out < wanted
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a > out || fail "over $malloc: exit status $?"
  expect out < wanted
done
