// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/every_process.h"
#include "base/text.h"
#include "runt/address_scan.h"
#include "runt/mapping.h"
#include "runt/page_map.h"
#include "runtime/preload/foreign_ranges.h"
#include "runtime/self/lock.h"

namespace allocs::preload {

// All eight bytes anywhere in memory that hold a number in [lowest, highest], whatever they are aligned to, by address; also such that begin in one mapping and end in the next. What the program cannot read is passed over, and so is what it
// cannot have written: see allocs/move.h. One search at a time, with the lock: the buffer is shared. Context: query.
class WordSearch {
 public:
  inline static constinit self::ProcessLock lock;

  WordSearch(const self::SelfProcess& process, std::uint64_t lowest, std::uint64_t highest)
      : process_(process), scan_(lowest, highest, buffer) {}

  // visit(Address at, value, bool is_writable) until it returns false. False: the kernel does not tell what is mapped.
  template <typename Visit>
  bool run(Visit&& visit) {
    runt::MappingTable table;
    if (table.open(0) != 0) return false;
    runt::PageMap pages;
    pages.open();
    for (Address at{}; at < kEndOfUserAddresses;) {
      const auto answer = table.mapping_at_or_above(at);
      if (answer.certainty != Certainty::known) return answer.certainty == Certainty::nothing_there;
      const runt::Mapping& mapping = answer.mapping;
      at = mapping.range.end;
      // "[vdso]" and the like.
      if (!mapping.is_readable || begins_with(std::string_view(mapping.name), "[v")) continue;
      const auto search = [&](AddressRange range) {
        return for_each_foreign_range(process_, range, [&](AddressRange piece) {
          return search_range(piece, mapping.is_writable, visit);
        });
      };
      if (!mapping.is_shared) {
        bool goes_on = true;
        pages.for_each_written_run(mapping.range,
                                   [&](AddressRange run) { return goes_on = search(run); });
        if (!goes_on) return true;
      } else if (!search(mapping.range)) {
        return true;
      }
    }
    return true;
  }

 private:
  template <typename Visit>
  bool search_range(AddressRange range, bool is_writable, Visit&& visit) {
    // In both the program must be able to write, to write to what lies across.
    const auto visit_border = [&](Address at, std::uint64_t value) {
      return visit(at, value, is_writable && border_is_writable_);
    };
    if (!border_.search(scan_, range.begin, visit_border)) return false;
    const auto visit_here = [&](Address at, std::uint64_t value) {
      return visit(at, value, is_writable);
    };
    if (!scan_.run(range, visit_here)) return false;
    border_.keep(scan_, range.end);
    border_is_writable_ = is_writable;
    return true;
  }

  ALLOCS_APART inline static std::byte buffer[runt::AddressScan::kBuffer];

  const self::SelfProcess& process_;
  runt::AddressScan scan_;
  runt::ScanBorder border_;
  bool border_is_writable_ = false;
};

}  // namespace allocs::preload
