// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace allocs::meta {

inline constexpr int kNoArgument = -1;

enum class AllocationKind : std::uint8_t {
  plain,      // the bytes are the caller's to use as it likes
  text,       // strdup and its like: characters
  new_one,    // operator new
  new_array,  // operator new[]
};

// How to call an allocation function. Arguments are counted from 0 in the registers that hold integer arguments.
struct AllocationFunction {
  std::string_view name;
  AllocationKind kind = AllocationKind::plain;
  int size = kNoArgument;   // bytes, or bytes of one element if there is a count
  int count = kNoArgument;  // elements
  int stored =
      kNoArgument;        // the address at which the block's address is stored; else it is returned
  std::int64_t unit = 1;  // a wrapper's own: the size is counted in units of so many bytes
};

// Those of libc and of the C++ run time.
std::span<const AllocationFunction> known_allocation_functions();

// nullptr if `name` is none of them.
const AllocationFunction* known_allocation_function(std::string_view name);

}  // namespace allocs::meta
