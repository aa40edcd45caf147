// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"

namespace allocs::memo {

// What is in a file, as long as this lives: the file itself, mapped.
class Content {
 public:
  explicit Content(std::string_view mapped) : bytes_(mapped) {}
  ~Content();
  Content(Content&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Content& operator=(Content&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// Files in a directory, found by a hash: `<directory>/<1 digit>/<31 digits>`.
//
// Only what this user has made, and nobody else can change, is believed: the directory, those in it and the files. Files appear whole.
// Any number of processes may use it at once. Where something does not work, nothing is found and nothing is kept, silently.
class Store {
 public:
  struct Limits {
    std::uint64_t all = std::uint64_t{64} << 20;  // bytes that all files have together, about
    std::uint64_t one = std::uint64_t{1} << 20;   // bytes; what is larger is not kept
  };

  // Where there are too many bytes, those files go first that have not been found or written for longest.
  explicit Store(std::string directory) : Store(std::move(directory), Limits{}) {}
  Store(std::string directory, const Limits& limits)
      : directory_(std::move(directory)), limits_(limits) {}

  std::optional<Content> find(const Hash128& key) const;
  void keep(const Hash128& key, std::string_view content) const;

 private:
  std::string directory_;
  Limits limits_;
};

}  // namespace allocs::memo
