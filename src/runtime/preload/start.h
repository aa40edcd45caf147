// SPDX-License-Identifier: Apache-2.0
#pragma once

// The C library's functions behind our hooks, found at start-up or when a hook is called before. Context: hook.
namespace allocs::preload {

void next_cxa_finalize(void* handle);

using PrctlFunction = int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long);
using SyscallFunction = long (*)(long, unsigned long, unsigned long, unsigned long, unsigned long,
                                 unsigned long, unsigned long);
PrctlFunction next_prctl();
SyscallFunction next_syscall();

}  // namespace allocs::preload
