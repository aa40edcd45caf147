// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace allocs::memo {

// Small files in a directory, found by a hash: `<directory>/<1 digit>/<31 digits>`.
//
// Only what this user has made, and nobody else can change, is believed: the directory, those in it and the files. Files appear whole.
// Any number of processes may use it at once. Where something does not work, nothing is found and nothing is kept, silently.
class Store {
 public:
  // All files together have about `limit` bytes at most; those go first that have not been found or written for longest.
  explicit Store(std::string directory, std::uint64_t limit = kLimit)
      : directory_(std::move(directory)), limit_(limit) {}

  std::optional<std::string> find(const Hash128& key) const;
  void keep(const Hash128& key, std::string_view content) const;

  static constexpr std::uint64_t kLimit = std::uint64_t{64} << 20;

 private:
  std::string directory_;
  std::uint64_t limit_;
};

}  // namespace allocs::memo
