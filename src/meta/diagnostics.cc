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

}  // namespace allocs::meta
