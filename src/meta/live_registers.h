// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "meta/code_paths.h"

namespace allocs::meta {

// What a call does, as far as it is known before the function is evaluated.
struct CallEffect {
  bool ends_way = false;
  std::uint16_t changed = kCallClobbers;  // mask of registers
};

// Of each of `paths.targets()`, a mask: the registers whose content something may read, on some way from there, before it is written. The rest hold
// nothing that the code there will miss. The stack's and the frame's pointers are always among them.
// `effect_of_call` is asked once about each call of a fixed place or of a word in memory.
std::vector<std::uint16_t> live_registers(
    const CodePaths& paths, const std::function<CallEffect(std::size_t call)>& effect_of_call);

}  // namespace allocs::meta
