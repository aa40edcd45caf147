// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meta/code_scan.h"
#include "meta/linkage.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// A table that a switch jumps through.
struct JumpTable {
  std::uint64_t address = 0;
  std::uint64_t count = 0;
  std::uint8_t entry_size = 4;  // 4: offsets from the table; 8: addresses
  std::uint64_t function = 0;   // where the function that jumps starts
};

// The jump tables whose extent the code shows for certain, by address. `starts`: where functions begin, sorted.
std::vector<JumpTable> find_jump_tables(const ElfFile& object, const Linkage& linkage,
                                        const CodeScan& scan,
                                        std::span<const std::uint64_t> starts);

// Adds them to model.statics, under the name of their function, where nothing else is known to be.
void add_jump_tables(std::span<const JumpTable> tables, types::ObjectModel& model);

}  // namespace allocs::meta
