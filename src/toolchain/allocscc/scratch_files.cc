// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/scratch_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace allocs::allocscc {

ScratchFiles::~ScratchFiles() { remove_all(); }

std::string ScratchFiles::create(std::string_view suffix) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = folder == nullptr || folder[0] == '\0' ? "/tmp" : folder;
  path.append("/ccXXXXXX").append(suffix);
  const int fd = ::mkostemps(path.data(), static_cast<int>(suffix.size()), O_CLOEXEC);
  if (fd < 0) return {};
  ::close(fd);
  paths_.push_back(path);
  return path;
}

void ScratchFiles::remove_all() {
  for (const std::string& path : paths_) ::unlink(path.c_str());
  paths_.clear();
}

}  // namespace allocs::allocscc
