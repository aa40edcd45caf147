// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runt/address_scan.h"
#include "runtime/index/tables.h"
#include "tools/allocs/remote_process.h"

namespace allocs::tool {

// Ranges by address, none overlapping another: is a value in one of them, and in which?
class TargetRanges {
 public:
  void add(AddressRange range) { ranges_.push_back(range); }
  void sort() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](AddressRange a, AddressRange b) { return a.begin < b.begin; });
    if (ranges_.empty()) return;
    low_ = raw(ranges_.front().begin);
    span_ = raw(ranges_.back().end) - low_;
  }
  bool may_hold(std::uint64_t value) const { return value - low_ < span_; }
  bool is_empty() const { return span_ == 0; }
  std::uint64_t lowest() const { return low_; }
  std::uint64_t highest() const { return low_ + span_ - 1; }
  const AddressRange* find(std::uint64_t value) const {
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), Address{value},
                         [](Address at, const AddressRange& range) { return at < range.begin; });
    if (after == ranges_.begin()) return nullptr;
    const AddressRange& range = *std::prev(after);
    return range.contains(Address{value}) ? &range : nullptr;
  }

 private:
  std::vector<AddressRange> ranges_;
  std::uint64_t low_ = 0;
  std::uint64_t span_ = 0;
};

// The parts of the target's memory in which somebody may keep a pointer. What was not looked into goes to `left_out`.
template <Memory M>
std::vector<AddressRange> ranges_to_scan(const RemoteProcess<M>& process,
                                         std::vector<std::string>& left_out) {
  constexpr std::uint64_t kMost = std::uint64_t{64} << 30;  // a reservation, such as a sanitizer's
  std::vector<AddressRange> own;
  if (process.root() != nullptr) {
    index::for_each_own_range(process.tables(), *process.root(),
                              [&](AddressRange range) { own.push_back(range); });
  }
  std::sort(own.begin(), own.end(), [](auto a, auto b) { return a.begin < b.begin; });
  // A core does not tell what may be read; what it holds can be.
  const bool tells_access =
      std::any_of(process.mappings().begin(), process.mappings().end(),
                  [](const runt::Mapping& mapping) { return mapping.is_readable; });
  std::vector<AddressRange> ranges;
  for (const runt::Mapping& mapping : process.mappings()) {
    const std::string_view name = mapping.name;
    if (tells_access && !mapping.is_readable) continue;
    if (name.starts_with("[v") || (name.starts_with("/dev/") && !name.starts_with("/dev/shm/")))
      continue;
    if (mapping.range.size() > kMost) {
      left_out.push_back(
          fmt::format("{:#x}: {} GiB", raw(mapping.range.begin), mapping.range.size() >> 30));
      continue;
    }
    Address begin = mapping.range.begin;
    for (const AddressRange& range : own) {
      if (range.end <= begin || range.begin >= mapping.range.end) continue;
      if (range.begin > begin) ranges.push_back({begin, range.begin});
      begin = std::max(begin, range.end);
    }
    if (begin < mapping.range.end) ranges.push_back({begin, mapping.range.end});
  }
  return ranges;
}

// Calls visit(Address at, value, const AddressRange& target) for all eight bytes in `where` that hold an address in one of the targets, whatever
// they are aligned to, by address.
template <Memory M, typename Visit>
void for_each_reference(const M& memory, std::span<const AddressRange> where,
                        const TargetRanges& targets, Visit&& visit) {
  if (targets.is_empty()) return;
  const auto read = [&](Address at, void* into, std::size_t size) {
    return memory.copy(at, static_cast<std::byte*>(into), size) == size;
  };
  using Scan = runt::BasicAddressScan<decltype(read)>;
  std::vector<std::byte> buffer(Scan::kBuffer);
  Scan scan(targets.lowest(), targets.highest(), buffer.data(), read);
  runt::ScanBorder border;
  const auto consider = [&](Address at, std::uint64_t value) {
    if (const AddressRange* target = targets.find(value)) visit(at, value, *target);
    return true;
  };
  for (const AddressRange& range : where) {
    border.search(scan, range.begin, consider);
    scan.run(range, consider);
    border.keep(scan, range.end);
  }
}

}  // namespace allocs::tool
