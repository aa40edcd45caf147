// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "types/instantiate.h"
#include "types/interner.h"

namespace allocs::self {

// Zeroed, 16-aligned memory of the run time's own, never given back; nullptr when there is none. Context: query.
void* allocate(std::size_t size);

// A copy of `text` that lives as long as the process, the same one for equal texts; "" when there is no memory. Context: query.
const char* keep_text(const char* text);

types::TypeMemory type_memory();
types::ScratchMemory scratch_memory();

}  // namespace allocs::self
