// SPDX-License-Identifier: Apache-2.0
#include "meta/diagnostics.h"

#include <fmt/format.h>

namespace allocs::meta {

void Diagnostics::add(const std::string& path, const std::string& text, std::uint64_t offset) {
  if (messages_.size() >= kMostMessages) {
    ++left_out_;
    return;
  }
  messages_.push_back(offset == kNoOffset ? fmt::format("{}: {}", path, text)
                                          : fmt::format("{}: 0x{:x}: {}", path, offset, text));
}

void Diagnostics::warn_of_all(const Diagnostics& others) {
  left_out_ += others.left_out_;
  for (const std::string& message : others.messages_) {
    if (messages_.size() < kMostMessages) {
      messages_.push_back(message);
    } else {
      ++left_out_;
    }
  }
}

}  // namespace allocs::meta
