#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The C++ wrappers: an interpreter of the program's own language of references, threads that are stopped as long as an object lives, and a mover.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF'
#include <allocs.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <sched.h>

struct Link { unsigned index; };  // a reference: the number of a record
struct Record { Link next; int number; };
static Record records[3] = {{{2}, 10}, {{0}, 11}, {{7}, 12}};
static long not_a_reference = 1;
static Record* heap_record;

struct Indices {
  static constexpr const char* kName = "indices";
  allocs::Type link = allocs::type_of(&records).element().members().begin().operator*().type;
  int asked = 0;
  int can_interpret(const alloc_step& place) { return alloc_place_type(&place) == link.get() ? 5 : 0; }
  int interpret(const alloc_step& place, int, alloc_referent& referent) {
    const unsigned index = static_cast<const Link*>(alloc_place_base(&place))->index;
    if (index >= 3) return ALLOC_E_NOTHING_THERE;
    referent.at = &records[index];
    referent.size = sizeof(Record);
    return ALLOC_OK;
  }
  bool may_contain(const alloc_step&) { return ++asked != 0; }
};

static std::atomic<long> count;
static std::atomic<bool> quit;
static void* work(void*) {
  while (!quit) ++count;
  return nullptr;
}
[[gnu::noinline]] static void make_record() {
  heap_record = static_cast<Record*>(malloc(sizeof(Record)));
  heap_record->number = 5;
}
// Not in main, where the address would stay on the stack.
[[gnu::noinline]] static bool follows_pointer() { return allocs::interpret(&heap_record).at == heap_record; }
[[gnu::noinline]] static void clean_stack() {
  volatile char old[16384];
  for (volatile char& byte : old) byte = 0;
}

int main() {
  Indices indices;
  const allocs::Interpreter<Indices> interpreter(indices);
  const allocs::Allocation from = allocs::Allocation::of(&records);
  int result = allocs::for_each_interpreted(&from.info(), interpreter.get(), [](const alloc_step& place, const alloc_referent& referent) {
    const long at = static_cast<const Record*>(alloc_place_base(&place)) - records;
    if (referent.error != ALLOC_OK) return std::printf("%ld: %s\n", at, alloc_error_message(referent.error)), 0;
    return std::printf("%ld -> %ld, kind %d\n", at, static_cast<const Record*>(referent.at) - records, referent.how), 0;
  });
  std::printf("%d, %s\n", result, indices.asked > 0 ? "parts were asked about" : "not asked");
  result = allocs::for_each_interpreted(&from.info(), interpreter.get(), [](const alloc_step&, const alloc_referent&) { return 42; });
  std::printf("ended %d\n", result);
  const alloc_referent one = allocs::interpret(&records[0], interpreter.get());
  std::printf("%d %d, %d\n", one.error, one.at == &records[2], allocs::interpret(&not_a_reference, interpreter.get()).error);
  make_record();
  std::printf("pointer %d\n", follows_pointer());

  pthread_t thread;
  pthread_create(&thread, nullptr, work, nullptr);
  while (count == 0) sched_yield();
  {
    const allocs::StoppedThreads stopped(SIGRTMIN, 20000);
    const long before = count;
    int threads = 0;
    stopped.for_each([&](const alloc_stopped_thread&) { ++threads; });
    for (int i = 0; i < 100; ++i) sched_yield();
    std::printf("stopped %d: %d %u, still %d\n", stopped.error(), threads, stopped.report().threads, before == count);
  }
  const long after = count;
  while (count == after) sched_yield();
  allocs::Mover alone, mover(SIGRTMIN, 20000);
  clean_stack();
  std::printf("%d ", alone.migrate(heap_record).error);
  clean_stack();
  const allocs::Mover::Moved moved = mover.migrate(heap_record);
  std::printf("%d %d, %s, %d\n", moved.error, moved.base == heap_record, mover.references() >= 1 ? "rewritten" : "none", heap_record->number);
  quit = true;
  pthread_join(thread, nullptr);
  return 0;
}
EOF
build a.cc -std=c++20 -fno-exceptions -fno-rtti -pthread -Wall -Wextra -Werror
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 -> 2, kind 5
1 -> 0, kind 5
2: *
0, parts were asked about
ended 42
0 1, -14
pointer 1
stopped 0: 1 1, still 1
-28 0 1, rewritten, 5
EOF
