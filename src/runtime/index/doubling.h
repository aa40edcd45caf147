// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "base/address.h"

// A table that grows without moving: chunk c holds 2^(first_shift + c) records, so record number n has one place for good.
namespace allocs::index {

struct Place {
  unsigned chunk;
  std::uint64_t index;  // within the chunk
};

template <unsigned FirstShift>
constexpr Place place_of(std::uint64_t number) {
  const std::uint64_t shifted = number + (std::uint64_t{1} << FirstShift);
  const unsigned chunk = static_cast<unsigned>(std::bit_width(shifted)) - 1 - FirstShift;
  return {chunk, shifted - (std::uint64_t{1} << (FirstShift + chunk))};
}
template <unsigned FirstShift>
constexpr std::uint64_t chunk_capacity(unsigned chunk) {
  return std::uint64_t{1} << (FirstShift + chunk);
}

static_assert(place_of<5>(0).chunk == 0 && place_of<5>(31).index == 31);
static_assert(place_of<5>(32).chunk == 1 && place_of<5>(32).index == 0);
static_assert(place_of<5>(95).chunk == 1 && place_of<5>(96).chunk == 2);

}  // namespace allocs::index
