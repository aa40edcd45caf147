// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/code_scan.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Adds to model.statics the unnamed constants that floating-point and vector arithmetic reads from read-only data, where nothing else is
// known to be. Needs all statics with names to be there.
void add_constants(const ElfFile& object, const CodeScan& scan, types::ObjectModel& model);

}  // namespace allocs::meta
