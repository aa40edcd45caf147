// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/allocators/thread_recorder.h"
#include "runtime/query/query.h"
#include "runtime/self/loader.h"
#include "runtime/self/registered.h"
#include "runtime/self/self_process.h"
#include "runtime/self/statistics.h"

namespace allocs::self {

// Calls `ask()` for an answer, again if an image turned out to be damaged meanwhile: that one is not asked any more.
template <typename Ask>
query::Answer ask_whole_images(Ask ask) {
  constexpr int kMostDamaged = 64;
  for (int attempt = 0;; ++attempt) {
    const std::uint32_t before = g_damages.load(std::memory_order_acquire);
    query::Answer answer = ask();
    const bool was_whole = g_damages.load(std::memory_order_acquire) == before;
    if (was_whole || attempt == kMostDamaged) return answer;
  }
}

// What only a program that registers allocators, stops threads or gives them blocks as stacks has: pieces in what was found, frames of a stopped thread that
// runs on it, a thread's stack.
[[gnu::noinline]] inline void prefer_special(const SelfProcess& process, Address at,
                                             query::Answer& answer) {
  if (answer.error == ALLOC_OK && !query::is_of_frame(answer.allocator) &&
      process.stopped_run_on(answer.range))
    query::prefer_frame(process, at, answer);
  if (answer.error == ALLOC_OK && allocators::are_stacks_lent() &&
      !query::is_of_frame(answer.allocator))
    query::prefer_stack(process, at, answer);
  prefer_nested(process, at, answer);
}

// Context: signal if `process` may not wait, else query.
inline query::Answer ask(const SelfProcess& process, Address at) {
  query::Answer answer = ask_whole_images([&] { return query::query(process, at); });
  if (g_statistics.takes_long_road()) [[unlikely]]
    prefer_special(process, at, answer);
  return answer;
}
// The same for an address that is in no block of malloc.
inline query::Answer ask_beyond_heap(const SelfProcess& process, Address at) {
  query::Answer answer = ask_whole_images([&] { return query::query_beyond_heap(process, at); });
  if (g_statistics.takes_long_road()) [[unlikely]]
    prefer_special(process, at, answer);
  return answer;
}

}  // namespace allocs::self
