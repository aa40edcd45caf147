// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <link.h>

// What a foreign malloc offers under names of its own: jemalloc's sdallocx, mimalloc's mi_free, tcmalloc's tc_free and so on. A
// block from malloc may be freed through them, and would stay in the index for ever.
//
// They are not interposed by exporting them: a program that looks whether they are there (a weak reference is not null) must find
// what is. Instead, when a foreign malloc has any of them, the references to them in the global offset tables of the
// objects that the program starts with are changed to functions of ours. Objects that are loaded later keep theirs. Not seen are heaps
// of their own (mi_heap_malloc), whose blocks are in no index, and resizing in place (xallocx), which keeps the recorded size.
namespace allocs::allocators {

// Context: init, before there is another thread.
void watch_other_names();

}  // namespace allocs::allocators
