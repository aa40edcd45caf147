// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "elf/file.h"
#include "runt/remote/result.h"

namespace allocs::runt::remote {

// A whole file, mapped read-only. Another program that cuts it short makes reads past its new end fatal: do not keep it
// longer than needed. An empty file has no bytes.
class FileMapping {
 public:
  static Result<FileMapping> open(const std::string& path);
  FileMapping() = default;
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&& other) noexcept;
  ~FileMapping();

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  elf::File elf_file() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace allocs::runt::remote
