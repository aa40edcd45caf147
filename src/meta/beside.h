// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <utility>

namespace allocs::meta {

// Starts `work()` on a thread of its own and returns the std::future of its result. Where no further thread can be had, the
// work is done when the result is asked for.
template <typename Work>
auto beside(Work work) {
  return std::async(std::launch::async | std::launch::deferred, std::move(work));
}

// Calls `do_one(i)` once for each i below `count`, on two threads, in no certain order; back when all are done.
template <typename DoOne>
void for_each_by_two(std::size_t count, const DoOne& do_one) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) do_one(i);
  };
  if (count < 2) return work();
  auto other = beside(work);
  work();
  other.get();
}

}  // namespace allocs::meta
