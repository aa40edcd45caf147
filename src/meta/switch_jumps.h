// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "meta/code_paths.h"

namespace allocs::meta {

// An indirect jump through a table, as far as the instructions before it tell.
struct SwitchJump {
  std::optional<std::uint64_t> table;  // empty: the address came in `base` from further away
  Register base = Register::none;
  std::optional<std::uint64_t> count;  // the index is below it; empty: no check was seen
  std::uint8_t entry_size = 4;         // 4: offsets from the table; 8: addresses
};

// What the jump at `index` of the code goes through; nothing if it is no jump through a table.
std::optional<SwitchJump> switch_jump_at(const CodePaths& paths, std::size_t index);

}  // namespace allocs::meta
