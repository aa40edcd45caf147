// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/address.h"
#include "elf/eh_frame.h"
#include "runtime/index/records.h"

// Call frame information of the objects in the module table.
namespace allocs::allocators {

// Empty if the object has none. Context: signal.
elf::EhFrame eh_frame_of(const index::ModuleRecord& module);

// An EhFrameFinder (runt/unwind.h): by the loader's own look-up where the C library has one, else by the module table, which lags
// behind dlopen until somebody refreshes it. Context: signal.
struct KnownEhFrames {
  std::optional<elf::EhFrame> eh_frame_of(Address pc) const;
};

}  // namespace allocs::allocators
