// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/auxv.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../allocs.h"

namespace allocs::showing {

// Memory of this process, read through the kernel: what cannot be read (without permission, behind the end of a shortened file, unmapped
// meanwhile, of a device) is told, and is no fault. Where the kernel must not be asked (a seccomp sandbox), or refuses, memory is read as it is.
class OwnMemory {
 public:
  // False: some of it cannot be read.
  bool read(const char* at, void* into, std::size_t size) {
    if (way_ == Way::unknown) way_ = may_ask_kernel() ? Way::kernel : Way::direct;
    char* to = static_cast<char*>(into);
    while (size != 0 && way_ == Way::kernel) {
      const std::uintptr_t offset = address(at) - begin_;
      if (offset >= size_) {
        if (fill(address(at))) continue;
        if (way_ == Way::kernel) return false;
        break;
      }
      const std::size_t there = size_ - offset, part = there < size ? there : size;
      std::memcpy(to, window_ + offset, part);
      at += part, to += part, size -= part;
    }
    if (size != 0) std::memcpy(to, at, size);
    return true;
  }
  // Whether nothing but this may be used to ask about memory.
  bool is_direct() {
    if (way_ == Way::unknown) way_ = may_ask_kernel() ? Way::kernel : Way::direct;
    return way_ == Way::direct;
  }

 private:
  enum class Way : unsigned char { unknown, kernel, direct };
  static constexpr std::size_t kWindow = 256, kPage = 4096;

  static std::uintptr_t address(const char* at) { return reinterpret_cast<std::uintptr_t>(at); }
  // The run time knows. It is asked about the program's name, which the kernel has put into every process and whose type needs no metadata.
  static bool may_ask_kernel() {
    const auto name = reinterpret_cast<const void*>(getauxval(AT_EXECFN));
    const auto ignore = [](const alloc_reference*, void*) { return 0; };
    return alloc_walk_references(name, 0, ignore, nullptr) == ALLOC_OK;
  }
  // From there on, within the page, so that it can be read as a whole or not at all.
  bool fill(std::uintptr_t at) {
    const std::size_t in_page = kPage - at % kPage;
    const iovec here{window_, in_page < kWindow ? in_page : kWindow}, there{reinterpret_cast<void*>(at), here.iov_len};
    const int error_before = errno;
    const ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (got < 0 && errno != EFAULT && errno != ENOMEM) way_ = Way::direct;
    errno = error_before;
    begin_ = at, size_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    return got > 0;
  }

  Way way_ = Way::unknown;
  std::uintptr_t begin_ = 0;
  std::size_t size_ = 0;
  char window_[kWindow];
};

}  // namespace allocs::showing
