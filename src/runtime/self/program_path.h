// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/address.h"

// The path of the executable, which the loader does not know.
//
// The kernel does, but the call into /proc costs a process more than all else that its start asks for, and most processes never want to know. So it is
// asked when somebody does who may ask it. Until then a text tells that lies in memory: the path by which the program was started.
namespace allocs::self {

// Takes that: the text at `executable_name` (AT_EXECFN), as long as it is the whole path of what `first_argument` (argv[0]) names too. Of a script it is the
// path of that, and not of its interpreter. Context: init.
void keep_path_of_start(Address executable_name, const char* first_argument);

// Asks the kernel, once: later there may be another root directory. "" if it does not tell; nullptr: it could not be asked now, for want of memory or
// in a sandbox. Context: hook; query, but not with ALLOC_NOWAIT.
const char* find_program_path();

// What is known of it; "" if that is nothing. Asks nobody. Context: signal.
const char* program_path();

}  // namespace allocs::self
