// SPDX-License-Identifier: Apache-2.0
#include "runt/page_map.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/raw_syscall.h"

namespace allocs::runt {

namespace {

// Documentation/admin-guide/mm/pagemap.rst
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63, kSwapped = std::uint64_t{1} << 62,
                        kOfFile = std::uint64_t{1} << 61;

bool is_written(std::uint64_t entry) {
  return (entry & (kPresent | kSwapped)) != 0 && (entry & kOfFile) == 0;
}

}  // namespace

PageMap::~PageMap() {
  if (descriptor_ >= 0) raw_syscall(SYS_close, descriptor_);
}

void PageMap::open() {
  const SyscallResult file =
      raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (!file.ok()) return;
  descriptor_ = static_cast<int>(file.value);
  // A kernel that shows nothing of all this would show nothing of this page either, which is on a stack, and written to.
  volatile std::uint64_t here = 0;
  const Address page{raw(address_of(const_cast<const std::uint64_t*>(&here))) & ~(kPageSize - 1)};
  here = raw(page);
  Written own;
  read(page, page + kPageSize, own);
  if (own.is_written[0]) return;
  raw_syscall(SYS_close, descriptor_);
  descriptor_ = -1;
}

void PageMap::read(Address begin, Address end, Written& pages) const {
  pages.count = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kPages, (end - begin + kPageSize - 1) / kPageSize));
  std::fill_n(pages.is_written, pages.count, true);
  if (descriptor_ < 0) return;
  std::uint64_t entries[kPages];
  const SyscallResult size =
      raw_syscall(SYS_pread64, descriptor_, entries, pages.count * sizeof(std::uint64_t),
                  raw(begin) / kPageSize * sizeof(std::uint64_t));
  if (!size.ok()) return;
  const auto told = static_cast<std::uint32_t>(size.value) / sizeof(std::uint64_t);
  for (std::uint32_t i = 0; i < told; ++i) pages.is_written[i] = is_written(entries[i]);
}

}  // namespace allocs::runt
