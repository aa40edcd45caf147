// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.h"

namespace allocs::query {

// Out of an anonymous mapping, the pages of the dynamic linker's own malloc: those from its first link map to its last. The kernel joins
// neighbouring mappings, so the mapping as a whole may be the program's as well.
class LoaderPool {
 public:
  explicit LoaderPool(AddressRange mapping) : mapping_(mapping) {}
  void add_link_map(Address at) {
    if (!mapping_.contains(at)) return;
    constexpr std::uint64_t kInPage = 4095;
    const AddressRange page{Address{raw(at) & ~kInPage}, Address{(raw(at) | kInPage) + 1}};
    if (pool_.size() == 0) pool_ = page;
    if (page.begin < pool_.begin) pool_.begin = page.begin;
    if (page.end > pool_.end) pool_.end = page.end;
  }
  AddressRange range() const { return pool_; }

 private:
  AddressRange mapping_;
  AddressRange pool_{};
};

}  // namespace allocs::query
