// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/linkage.h"
#include "meta/object_file.h"

namespace allocs::meta {

// Whether the function returns its first argument: standard ones that do (memcpy), and those of the object that do nothing else. Programs
// have these to tell compilers something (`void *usable(void *p, size_t n) { return p; }` with an alloc_size attribute).
bool returns_first_argument(const Callee& callee, const ElfFile& object);

}  // namespace allocs::meta
