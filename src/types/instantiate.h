// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "types/image.h"
#include "types/interner.h"

namespace allocs::types {

// The uniqtypes that an image's types have become, by type index: nullptr until somebody asked. Zeroed memory is a valid start.
using TypeSlots = std::span<std::atomic<uniqtype*>>;

// Scratch memory for one call: zeroed pages, given back at its end.
struct ScratchMemory {
  void* (*take)(std::size_t size) = nullptr;
  void (*give_back)(void* memory, std::size_t size) = nullptr;
};

// The uniqtype of the image's type `index`, made on first use together with everything it refers to. nullptr when the index is
// out of range, the image is damaged there, or memory runs out.
//
// Context: query; may allocate. Any number of threads at once: see the essay in instantiate.cc.
uniqtype* instantiate(Interner& interner, const Image& image, TypeSlots slots,
                      ScratchMemory scratch, TypeIndex index);

// The same if it has been made already. Context: signal.
inline uniqtype* instantiated(TypeSlots slots, TypeIndex index) {
  return index < slots.size() ? slots[index].load(std::memory_order_acquire) : nullptr;
}

}  // namespace allocs::types
