// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace allocs::declarations {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Takes words off a text and knows where they began.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  // The empty text at the end. `column` is where the word begins.
  std::string_view next(std::size_t& column) {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    column = at_;
    while (at_ < text_.size() && !is_blank(text_[at_])) ++at_;
    return text_.substr(column, at_ - column);
  }
  std::size_t place() const { return at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace allocs::declarations
