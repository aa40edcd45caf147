// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace allocs::metadata {

// A whole file, mapped read-only. It stays mapped until unmap(): answers point into it.
struct MappedFile {
  const std::byte* bytes = nullptr;
  std::size_t size = 0;
  std::uint64_t mtime_ns = 0;
  std::uint32_t owner = 0;  // user id
  std::uint32_t mode = 0;   // permission bits
};

// Only regular, non-empty files. Raw system calls: no errno, no descriptor left open. Context: hook, where the host allows system calls.
std::optional<MappedFile> map_file(const char* path);

// How often that has failed, in the whole process, for want of descriptors or memory. What was not found then may be there. Context: signal.
std::uint64_t failures_for_want();
void unmap(const MappedFile& file);

// May its content be believed? Only if nobody but this user and root can have written it. Context: as map_file().
bool is_trustworthy(const MappedFile& file);

}  // namespace allocs::metadata
