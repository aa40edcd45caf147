// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The ELF notes of this project, in sections .note.allocs: allocated, so that they are found in memory through PT_NOTE.
namespace allocs {

inline constexpr char kNoteOwner[] = "liballocs";

// In the preload library: int64, the distance from the descriptor to the root of the run time's state.
inline constexpr std::uint32_t kRootNote = 1;
// In an object that allocscc or allocsc++ linked: uint32, 1. The file may have an image in its section .allocs. Any number of copies.
inline constexpr std::uint32_t kMarkerNote = 2;
// In an executable that uses the allocator objects and was linked with liballocs_link.a: int64, the distance from the
// descriptor to its allocator objects, which follow each other in the order of ALLOCS_ALLOCATOR_OBJECTS. The number grows with that
// list, so that a shorter one is not taken for it.
inline constexpr std::uint32_t kAllocatorObjectsNote = 4;

}  // namespace allocs
