// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace allocs::meta {

inline constexpr std::int64_t kEndOfFrame = std::int64_t{1} << 60;

// Bytes of a frame, counted from the canonical frame address.
struct FrameExtent {
  std::int64_t low = 0;
  std::int64_t high = 0;
  bool holds(std::int64_t byte) const { return byte >= low && byte < high; }
};

// Bytes of a frame that others may write to.
class EscapedBytes {
 public:
  void add(FrameExtent extent) {
    for (const FrameExtent& known : extents_) {
      if (known.low <= extent.low && extent.high <= known.high) return;
    }
    std::erase_if(extents_, [&](const FrameExtent& known) {
      const bool is_one = known.low <= extent.high && extent.low <= known.high;
      if (is_one) extent = {std::min(known.low, extent.low), std::max(known.high, extent.high)};
      return is_one;
    });
    extents_.push_back(extent);
    ++version_;
  }
  const std::vector<FrameExtent>& extents() const { return extents_; }
  // Changes whenever there are more.
  std::uint32_t version() const { return version_; }

 private:
  std::vector<FrameExtent> extents_;  // disjoint
  std::uint32_t version_ = 0;
};

}  // namespace allocs::meta
