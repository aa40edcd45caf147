// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <utility>

namespace allocs::meta {

// Starts `work()` on a thread of its own and returns the std::future of its result. Where no further thread can be had, the
// work is done when the result is asked for.
template <typename Work>
auto beside(Work work) {
  return std::async(std::launch::async | std::launch::deferred, std::move(work));
}

}  // namespace allocs::meta
