// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/user.h>

#include "base/address.h"
#include "runt/registers.h"

namespace allocs::runt::remote {

// A thread that does not run: stopped, or dead in a core.
struct ThreadState {
  int id = 0;  // the kernel's
  Registers registers{};
  Address thread_pointer{};  // fs_base
  int signal = 0;            // a core: what it got; a stopped one: what it was about to get
};

Registers registers_of(const user_regs_struct& user);

}  // namespace allocs::runt::remote
