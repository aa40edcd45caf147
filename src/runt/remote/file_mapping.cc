// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace allocs::runt::remote {

Result<FileMapping> FileMapping::open(const std::string& path) {
  const auto failure = [&] {
    const auto kind = errno == ENOENT   ? Failure::Kind::no_such_file
                      : errno == EACCES ? Failure::Kind::not_permitted
                                        : Failure::Kind::system;
    return Failure{kind, path + ": " + strerror(errno)};
  };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return failure();
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Failure{Failure::Kind::system, path + ": not a regular file"};
  }
  FileMapping mapping;
  if (status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      Failure result = failure();
      ::close(descriptor);
      return result;
    }
    mapping.data_ = static_cast<const std::byte*>(data);
    mapping.size_ = size;
  }
  ::close(descriptor);
  return mapping;
}

FileMapping::FileMapping(FileMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FileMapping& FileMapping::operator=(FileMapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FileMapping::~FileMapping() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace allocs::runt::remote
