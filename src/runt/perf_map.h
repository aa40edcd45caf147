// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/text.h"

// The text in which a program tells `perf` the names of code that it made, /tmp/perf-PID.map: lines of start, size, both in hexadecimal,
// and a name that may hold blanks.
//
//     7f5a1000 40 add_two
//     7f5a1040 1c LazyCompile:~main app.js:1
//
// Lines are only ever appended. A later line tells what is there now: one that covers the pc replaces the earlier one; one that
// covers a part of the earlier one's code, but not the pc, shows that the earlier one no longer holds.
namespace allocs::runt {

// Whether the file tells of the process of `user` that began at `start` (seconds of the real-time clock, rounded down): a file that only that
// user or root can have written, since then. Context: signal.
inline bool perf_map_is_believed(const struct stat& file, std::uint64_t user, std::int64_t start) {
  return S_ISREG(file.st_mode) && (file.st_uid == user || file.st_uid == 0) &&
         (file.st_mode & (S_IWGRP | S_IWOTH)) == 0 && file.st_mtim.tv_sec >= start;
}

// Looks for one pc in a text that is fed in pieces. A last line without its newline is still being written, and not taken.
// Context: signal.
class PerfMapSearch {
 public:
  static constexpr std::size_t kLongestName = 512;  // bytes; what is longer is cut

  explicit PerfMapSearch(Address pc) : pc_(pc) {}

  void feed(std::span<const char> piece) {
    for (const char c : piece) {
      if (c == '\n') {
        take_line();
        length_ = 0;
        continue;
      }
      if (length_ < line_.size()) line_[length_] = c;
      ++length_;
    }
  }
  // The code's name; empty if no line tells. Lives as long as this.
  std::string_view name() const { return {name_.data(), name_length_}; }

 private:
  static bool read_number(std::string_view& text, std::uint64_t& value) {
    while (begins_with(text, " ")) text = part_of(text, 1);
    if (begins_with(text, "0x")) text = part_of(text, 2);
    std::size_t digits = 0;
    value = 0;
    for (; digits < text.size() && digits <= 16; ++digits) {
      const char c = text[digits];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value << 4 | static_cast<unsigned>(digit);
    }
    text = part_of(text, digits);
    return digits != 0 && digits <= 16 && begins_with(text, " ");
  }

  void take_line() {
    std::string_view text(line_.data(), length_ < line_.size() ? length_ : line_.size());
    std::uint64_t begin = 0, size = 0;
    if (!read_number(text, begin) || !read_number(text, size) || size > ~begin) return;
    text = part_of(text, 1);
    const AddressRange range{Address{begin}, Address{begin + size}};
    if (range.contains(pc_)) {
      range_ = range;
      name_length_ = text.size() < name_.size() ? text.size() : name_.size();
      std::memcpy(name_.data(), text.data(), name_length_);
    } else if (range.begin < range_.end && range_.begin < range.end) {
      range_ = {};
      name_length_ = 0;
    }
  }

  Address pc_;
  AddressRange range_{};
  std::size_t length_ = 0;  // of the line so far, the part that did not fit included
  std::size_t name_length_ = 0;
  std::array<char, kLongestName + 64> line_;
  std::array<char, kLongestName> name_;
};

}  // namespace allocs::runt
