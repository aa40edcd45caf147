// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "meta/die_stream.h"

namespace allocs::meta {

// What -gsplit-dwarf left outside of an object: what its units point into.
struct SplitFiles {
  std::vector<std::unique_ptr<ElfFile>> files;
  std::deque<DebugSections> sections;
};

// For each skeleton among `units` (the units of files.with_debug_information()) appends the unit that it stands for, with what it takes from
// the skeleton, and the type units beside it. They are looked for in OBJECT.dwp, then in the .dwo file that the skeleton
// names: at that path, below the unit's directory, and beside the object. Units that cannot be found are counted in one warning; a
// file that holds the unit of another compilation is not used.
SplitFiles read_split_units(const ObjectFiles& files, std::vector<Unit>& units, Diagnostics& diag);

}  // namespace allocs::meta
