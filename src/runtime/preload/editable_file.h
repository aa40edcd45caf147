// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "allocs.h"
#include "base/raw_syscall.h"
#include "runt/mapping.h"

namespace allocs::preload {

// As glibc packs device numbers; its own functions for that are not to be called from here.
constexpr std::uint32_t major_of(std::uint64_t device) {
  return static_cast<std::uint32_t>((device >> 8 & 0xfff) | (device >> 32 & ~std::uint64_t{0xfff}));
}
constexpr std::uint32_t minor_of(std::uint64_t device) {
  return static_cast<std::uint32_t>((device & 0xff) | (device >> 12 & ~std::uint64_t{0xff}));
}

// Whether the process may give a file that size (RLIMIT_FSIZE): trying what it may not would raise SIGXFSZ.
inline bool may_have_size(std::uint64_t size) {
  rlimit limit{};
  return raw_syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &limit).ok() && size <= limit.rlim_cur;
}

// The file that a mapping is of, opened under the name that the kernel has for it, and only if it is still that file.
class EditableFile {
 public:
  EditableFile() = default;
  ~EditableFile() {
    if (descriptor_ >= 0) raw_syscall(SYS_close, descriptor_);
  }
  EditableFile(const EditableFile&) = delete;
  EditableFile& operator=(const EditableFile&) = delete;

  // `access`: O_RDWR, or O_RDONLY to learn its size. ALLOC_OK, or ALLOC_E_REFUSED: there is no such file any more, or it may not be
  // opened so.
  int open(const runt::Mapping& mapping, int access) {
    if (mapping.name_was_cut || mapping.name[0] != '/') return ALLOC_E_REFUSED;
    const SyscallResult file = raw_syscall(SYS_openat, AT_FDCWD, mapping.name,
                                           access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!file.ok()) return ALLOC_E_REFUSED;
    descriptor_ = static_cast<int>(file.value);
    struct stat status {};
    if (!raw_syscall(SYS_fstat, descriptor_, &status).ok()) return ALLOC_E_REFUSED;
    const bool is_it = status.st_ino == mapping.inode &&
                       major_of(status.st_dev) == mapping.device_major &&
                       minor_of(status.st_dev) == mapping.device_minor;
    size_ = static_cast<std::uint64_t>(status.st_size);
    return is_it && S_ISREG(status.st_mode) ? ALLOC_OK : ALLOC_E_REFUSED;
  }

  std::uint64_t size() const { return size_; }
  bool set_size(std::uint64_t size) {
    if (size > size_ && !may_have_size(size)) return false;
    if (!raw_syscall(SYS_ftruncate, descriptor_, size).ok()) return false;
    size_ = size;
    return true;
  }
  // Does the mapping reach up to the end of the file, and begin before it?
  bool is_whole_tail(const runt::Mapping& mapping) const {
    const std::uint64_t offset = static_cast<std::uint64_t>(mapping.offset);
    return offset <= size_ && offset + mapping.range.size() >= size_;
  }

 private:
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace allocs::preload
