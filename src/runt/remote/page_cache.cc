// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/page_cache.h"

#include <algorithm>
#include <cstring>

namespace allocs::runt::remote {
namespace {

// A damaged length must not make us ask for the whole address space.
constexpr std::size_t kLongestSpan = std::size_t{1} << 30;

}  // namespace

void PageCache::clear() {
  pages_.clear();
  spans_.clear();
  last_page_ = Address{1};
  last_bytes_ = nullptr;
}

const std::byte* PageCache::bytes_of(Address page, const Fill& fill) {
  const auto [place, is_new] = pages_.try_emplace(raw(page));
  if (is_new) {
    auto bytes = std::make_unique_for_overwrite<std::byte[]>(kPage);
    if (fill(page, bytes.get())) place->second = std::move(bytes);
  }
  last_page_ = page;
  last_bytes_ = place->second.get();
  return last_bytes_;
}

const std::byte* PageCache::stitched(Address at, std::size_t size, const Fill& fill) {
  if (size > kLongestSpan || raw(at) + size < raw(at)) return nullptr;
  const auto known = spans_.find({raw(at), size});
  if (known != spans_.end()) return known->second.get();
  const std::uint64_t first = raw(at) & ~std::uint64_t{kPage - 1};
  for (std::uint64_t page = first; page < raw(at) + size;
       page += kPage) {  // all there, before anything is allocated
    if (bytes_of(Address{page}, fill) == nullptr) return nullptr;
  }
  auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  for (std::size_t done = 0; done < size;) {
    const std::uint64_t here = raw(at) + done;
    const std::size_t offset = here % kPage;
    const std::size_t part = std::min(size - done, kPage - offset);
    std::memcpy(bytes.get() + done, bytes_of(Address{here - offset}, fill) + offset, part);
    done += part;
  }
  return (spans_[{raw(at), size}] = std::move(bytes)).get();
}

}  // namespace allocs::runt::remote
