// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "runt/mapping.h"
#include "runt/page_map.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/index/walk_blocks.h"
#include "runtime/preload/base_level.h"
#include "runtime/self/self_process.h"

// Walks that pass over pages which nobody has touched: reading one would make it, and cost a page fault.
namespace allocs::preload {

// Of private memory, and for index::for_each_block. Where the kernel must not be asked all that may have been used counts. Context: signal.
class UsedPages {
 public:
  explicit UsedPages(bool may_ask_kernel = true) {
    if (may_ask_kernel) map_.open();
  }
  std::uint64_t pages_with_leaves(std::uint64_t group) const {
    return allocators::pages_with_leaves(group);
  }
  // `range` is of whole pages. False: the visitor ended it.
  template <typename Visit>
  bool for_each_used_run(AddressRange range, Visit&& visit) const {
    bool goes_on = true;
    map_.for_each_written_run(range, [&](AddressRange run) { return goes_on = visit(run); });
    return goes_on;
  }

 private:
  runt::PageMap map_;
};

// Untouched pages of plain memory hold zeros. Calls visit(AddressRange) for the other parts of the mapping, until it returns false. False: it did.
template <typename Visit>
bool for_each_used_run(const UsedPages& pages, const runt::Mapping& mapping, Visit&& visit) {
  const bool is_plain =
      !mapping.is_shared && (mapping.inode == 0 || std::string_view(mapping.name) == kMadeMapping);
  return is_plain ? pages.for_each_used_run(mapping.range, visit) : visit(mapping.range);
}

// index::for_each_block in this process.
template <typename Visit>
bool for_each_block(const self::SelfProcess& process, Visit&& visit) {
  return index::for_each_block(process.tables(), *process.root(), visit,
                               UsedPages(process.knows_mappings()));
}

}  // namespace allocs::preload
