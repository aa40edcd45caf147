// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runt/mapping.h"

// Which mappings are the program's to remove, to resize, to move or to make a pool of. What the C library maps for itself comes by no hook, so it is known by what lies in it:
//
// - a malloc's heaps, by the arenas that lead to them and by how a heap begins; all of the room that is reserved for one, in use or not;
// - a block that malloc has mapped by itself and that the index does not have (yet, or any more), by its header;
// - stacks of threads, also those that are kept for the next thread after theirs has ended, by the thread's control block at their top, and the guards below them;
// - what it maps of files for itself: locales, character sets.
//
// Where nothing is found, but might be missed, because the malloc is not glibc's or its arenas are not understood, anonymous memory is nobody's that is known.
namespace allocs::preload {

// `mapping`: as the kernel has it; its range may be cut to the part in question. ALLOC_OK: nothing speaks against its being the program's. ALLOC_E_OF_RUN_TIME: it is the C library's.
// ALLOC_E_NO_IDENTITY: it cannot be told. Reads what was written to in an anonymous mapping. Context: query, where the host allows system calls.
int refusal_of_mapping(const runt::Mapping& mapping);

}  // namespace allocs::preload
