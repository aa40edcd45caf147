// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace allocs::allocscc {

// Temporary files, removed when this goes. They lie where the compiler puts its own: in $TMPDIR, else in /tmp.
class ScratchFiles {
 public:
  ScratchFiles() = default;
  ~ScratchFiles();
  ScratchFiles(const ScratchFiles&) = delete;
  ScratchFiles& operator=(const ScratchFiles&) = delete;

  // A new empty file, called like the compiler's own (ccXXXXXX.o) so that messages about it read the same; empty if there
  // can be none.
  std::string create(std::string_view suffix);
  void remove_all();

 private:
  std::vector<std::string> paths_;
};

}  // namespace allocs::allocscc
