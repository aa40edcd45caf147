// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <link.h>

// The loader's list of objects.
//
// glibc's loader is the one whose ways we know. But LD_PRELOAD is for every program that is started, and so for those of another C library: musl's
// loader takes our library in too, for it answers to "libc.so.6", and refuses to start the program if a symbol is missing. So nothing is referred to
// that only glibc has, but for its list, weakly. In a process without it we only forward (find_malloc_family): the constructor is told
// nothing there, threads are not glibc's, and nobody knows who asks the loader for what.
extern __attribute__((weak)) r_debug _r_debug;
extern __attribute__((weak)) r_debug* _dl_debug_addr;  // musl's

namespace allocs::allocators {

// Context: hook.
inline bool has_known_loader() { return &_r_debug != nullptr; }

// The executable; nullptr if nobody tells. Context: hook.
inline const link_map* first_object() {
  if (has_known_loader()) return _r_debug.r_map;
  return &_dl_debug_addr != nullptr ? _dl_debug_addr->r_map : nullptr;
}

}  // namespace allocs::allocators
