// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "meta/linkage.h"

// What functions of libc do with the memory that they are given. A function of the object itself under such a name is none of them.
namespace allocs::meta {

// Reads or writes text at its argument `n`.
bool takes_text(const Callee& callee, int n);

// Copies, clears, moves, frees, reads or writes memory of any kind.
bool takes_any_memory(const Callee& callee);

// Of these, what is called (to, from, number of bytes).
bool copies_memory(const Callee& callee);
// The argument of fread and its like that says how large one record is; -1 of other functions.
int record_size_argument(const Callee& callee);

}  // namespace allocs::meta
