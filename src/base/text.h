// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace allocs {

// text.substr(from, size) for code that may not throw: a start beyond the end gives the empty text. Context: signal.
constexpr std::string_view part_of(std::string_view text, std::size_t from,
                                   std::size_t size = std::string_view::npos) {
  if (from >= text.size()) return {};
  const std::size_t rest = text.size() - from;
  return {text.data() + from, size < rest ? size : rest};
}

// text.starts_with(prefix), likewise: without optimisation, libstdc++'s refers to what it throws elsewhere.
constexpr bool begins_with(std::string_view text, std::string_view prefix) {
  return part_of(text, 0, prefix.size()) == prefix;
}

}  // namespace allocs
