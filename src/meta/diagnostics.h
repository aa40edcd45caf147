// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace allocs::meta {

// What went wrong while an object was read, in the words a person needs: "path: offset: text".
// An error means there is no image; a warning means the image knows less than it might.
class Diagnostics {
 public:
  static constexpr std::size_t kMostMessages = 100;  // a damaged file could give one per entry
  static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

  void error(const std::string& path, const std::string& text, std::uint64_t offset = kNoOffset) {
    has_errors_ = true;
    add(path, text, offset);
  }
  void warning(const std::string& path, const std::string& text, std::uint64_t offset = kNoOffset) {
    add(path, text, offset);
  }

  // What was said of a file that one can do without.
  void warn_of_all(const Diagnostics& others);

  bool has_errors() const { return has_errors_; }
  const std::vector<std::string>& messages() const { return messages_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  void add(const std::string& path, const std::string& text, std::uint64_t offset);

  std::vector<std::string> messages_;
  std::uint64_t left_out_ = 0;
  bool has_errors_ = false;
};

}  // namespace allocs::meta
