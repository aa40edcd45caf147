// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/address.h"

// Memory as a parameter: the process itself, another process, a core file, a test array and a fuzzer's bytes are all
// read through this one concept, by one body of code.
namespace allocs {

// `view(a, n)` gives a pointer to the `n` bytes at `a`, or nullptr when they cannot be read. The pointer stays valid as
// long as the memory object. A local memory returns the address itself; a remote one returns a cached copy.
template <typename M>
concept Memory = requires(const M& memory, Address at, std::size_t size) {
  { memory.view(at, size) } -> std::same_as<const std::byte*>;
};

// Copies a trivially copyable T out of `memory`; unaligned addresses are fine. Context: as the memory's view().
template <typename T, Memory M>
std::optional<T> load(const M& memory, Address at) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::byte* bytes = memory.view(at, sizeof(T));
  if (bytes == nullptr) return std::nullopt;
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// Our own tables, and memory that the caller vouches for, in this very process. Nothing is checked.
// Context: signal.
struct TrustedMemory {
  const std::byte* view(Address at, std::size_t) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(raw(at));
    if (bytes == nullptr)
      __builtin_unreachable();  // spares the reader its test for "cannot be read"
    return bytes;
  }
};
static_assert(Memory<TrustedMemory>);

// A span of bytes that stands for memory at `base`: tests, fuzzers, mapped files.
class SpanMemory {
 public:
  constexpr SpanMemory(Address base, const std::byte* bytes, std::size_t size)
      : base_(base), bytes_(bytes), size_(size) {}
  const std::byte* view(Address at, std::size_t size) const {
    if (at < base_) return nullptr;
    const std::uint64_t offset = at - base_;
    if (offset > size_ || size > size_ - offset) return nullptr;
    return bytes_ + offset;
  }

 private:
  Address base_;
  const std::byte* bytes_;
  std::size_t size_;
};
static_assert(Memory<SpanMemory>);

}  // namespace allocs
