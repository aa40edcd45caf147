// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"

// Which pages of this process hold something, by /proc/self/pagemap: eight bytes a page, of which the bits that say this are shown to everybody.
namespace allocs::runt {

// Owns a descriptor. Where the kernel does not tell, all pages count as used. Context: signal, where the host allows system calls.
class PageMap {
 public:
  PageMap() = default;
  ~PageMap();
  PageMap(const PageMap&) = delete;
  PageMap& operator=(const PageMap&) = delete;

  void open();

  // A page of private memory that was never written to holds what its file holds, or zeros: it is left out. Calls visit(AddressRange) for each run of
  // others in the range, which is of whole pages, until it returns false.
  template <typename Visit>
  void for_each_written_run(AddressRange range, Visit&& visit) const {
    AddressRange run{range.begin, range.begin};
    while (run.end < range.end) {
      Written pages;
      read(run.end, range.end, pages);
      for (std::uint32_t i = 0; i < pages.count; ++i) {
        const Address page = run.end;
        run.end = page + kPageSize;
        if (pages.is_written[i]) continue;
        if (page > run.begin && !visit(AddressRange{run.begin, page})) return;
        run.begin = run.end;
      }
    }
    if (run.end > run.begin) visit(run);
  }

 private:
  static constexpr std::uint64_t kPageSize = 4096;
  static constexpr std::uint32_t kPages = 512;
  struct Written {
    std::uint32_t count = 0;
    bool is_written[kPages];
  };
  // Of the next pages from `begin` on; at least one.
  void read(Address begin, Address end, Written& pages) const;
  int descriptor_ = -1;
};

}  // namespace allocs::runt
