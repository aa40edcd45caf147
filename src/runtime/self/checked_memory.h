// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/memory.h"
#include "runt/self.h"
#include "runtime/allocators/sandbox.h"

namespace allocs::self {

// Memory of this process that may vanish at any moment, read through the kernel. A view of at most kLongest bytes is valid until the
// fourth next one. In a sandbox there is none: the kernel must not be asked.
// Context: signal.
template <std::size_t kLongest>
class CheckedViews {
 public:
  CheckedViews() {}  // not `= default`: nothing is to be cleared
  const std::byte* view(Address at, std::size_t size) const {
    if (size > kLongest || allocators::is_sandboxed()) return nullptr;
    std::byte* into = buffers_[next_++ % kBuffers];
    return runt::self::read_memory(at, into, size) ? into : nullptr;
  }

 private:
  static constexpr std::size_t kBuffers = 4;
  mutable std::byte buffers_[kBuffers][kLongest];
  mutable unsigned next_ = 0;
};

using CheckedMemory = CheckedViews<64>;
static_assert(Memory<CheckedMemory>);

}  // namespace allocs::self
