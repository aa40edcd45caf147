// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <link.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "runt/remote/child_process.h"
#include "runt/remote/object_table.h"
#include "runt/remote/result.h"
#include "runt/remote/thread_state.h"
#include "runt/unwind.h"

// Test support: what must be true of a Child, whether it is looked at live or as a core.
namespace allocs::runt::remote::testing {

inline double milliseconds_of(auto&& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// What `open()` gives, and the objects in it; prints how long that took.
template <Memory M>
struct Seen {
  std::optional<Result<M>> memory;
  std::optional<ObjectTable> objects;
};
template <Memory M>
Seen<M> see(const char* how, auto&& open) {
  Seen<M> seen;
  const double time = milliseconds_of([&] {
    seen.memory.emplace(open());
    if (*seen.memory)
      seen.objects = read_objects(**seen.memory, (*seen.memory)->auxiliary_vector());
  });
  const std::size_t count = seen.objects ? seen.objects->all().size() : 0;
  printf("  %s, with %zu objects: %.2f ms\n", how, count, time);
  return seen;
}

// Every thread of the child was seen, and the frames that it saw itself are found above where it waits.
template <Memory M>
void expect_the_childs_stacks(const M& memory, const ObjectTable& objects,
                              const std::vector<ThreadState>& threads, const ChildReport& report) {
  const MemoryRules rules{memory, objects};
  std::map<int, const ThreadState*> by_id;
  for (const ThreadState& thread : threads) by_id[thread.id] = &thread;
#ifdef __SANITIZE_THREAD__
  EXPECT_GE(by_id.size(), kThreads + 1u);  // it has threads of its own
#else
  EXPECT_EQ(by_id.size(), kThreads + 1u);
#endif
  int compared = 0;
  for (const ThreadReport& expected : report.threads) {
    ASSERT_TRUE(by_id.contains(expected.id));
    const ThreadState& thread = *by_id[expected.id];
    EXPECT_EQ(raw(thread.thread_pointer), expected.thread_pointer);
    std::vector<Frame> frames;
    UnwindCursor cursor{.registers = thread.registers};
    while (const auto frame = step(memory, rules, cursor)) frames.push_back(*frame);
    EXPECT_EQ(cursor.end, Certainty::nothing_there) << "after " << frames.size() << " frames";
    std::size_t at = 0;
    while (at < frames.size() && raw(frames[at].sp) != expected.frames[0].sp) ++at;
    ASSERT_LT(at, frames.size()) << "the frame that waits was not found";
    ASSERT_EQ(frames.size() - at, static_cast<std::size_t>(expected.frame_count));
    for (int i = 0; i < expected.frame_count; ++i) {
      EXPECT_EQ(raw(frames[at + static_cast<std::size_t>(i)].sp), expected.frames[i].sp) << i;
      if (i > 0) {
        EXPECT_EQ(raw(frames[at + static_cast<std::size_t>(i)].pc), expected.frames[i].pc) << i;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, kThreads * kDepth);
  printf("  %d frames of %d threads are as the threads saw them\n", compared, kThreads);
}

// The objects are those of this process, which the child was forked from.
inline void expect_our_own_objects(const ObjectTable& objects) {
  EXPECT_TRUE(objects.is_whole());
  std::set<std::uint64_t> expected;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        static_cast<std::set<std::uint64_t>*>(into)->insert(info->dlpi_addr);
        return 0;
      },
      &expected);
  std::set<std::uint64_t> found;
  for (const LoadedObject& object : objects.all()) {
    found.insert(object.module.bias.value);
    EXPECT_NE(object.module.build_id.size, 0) << object.name;
  }
  EXPECT_EQ(found, expected);
}

template <Memory M>
void expect_the_secret(const M& memory, const ChildReport& report) {
  const auto value = load<std::uint64_t>(memory, Address{report.secret_at});
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, report.secret);
}

// All that is true of the child before its threads are asked for.
template <Memory M>
void expect_the_child(const M& memory, const ObjectTable& objects, const ChildReport& report) {
  expect_the_secret(memory, report);
  expect_our_own_objects(objects);
}

}  // namespace allocs::runt::remote::testing
