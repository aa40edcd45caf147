// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/allocators/state.h"
#include "runtime/index/word.h"

// Whether the guest has taken system calls away from itself, and so from us: a seccomp filter may kill the process for a call that it does not
// expect.
//
// That is known from its own hand: `prctl` and `syscall` are interposed, and remember the successful calls that install a filter. To
// ask the kernel would be one more unexpected call, prctl(PR_GET_SECCOMP) as much as reading /proc. Two things are not seen.
// A filter that was there before the program started (a container's, a service manager's): it is made for whole programs, lets start
// what cannot be foreseen, and is taken to let us do what we do. And a filter that code with a system call instruction of its
// own installs: no such code is known outside of runtimes that use no C library.
//
// With a filter the run time makes the system calls that malloc makes (mmap, munmap), and no others; in strict mode none.
namespace allocs::allocators {

enum class Sandbox : std::uint32_t { none = 0, filter, strict };
extern ALLOCS_OWN Sandbox g_sandbox;

// Context: hook.
inline bool is_sandboxed() { return index::load_relaxed(g_sandbox) != Sandbox::none; }
inline bool may_map_memory() { return index::load_relaxed(g_sandbox) != Sandbox::strict; }

// The whole of prctl(PR_SET_SECCOMP) and of the system call seccomp: `call()` makes it. Other threads are told before it is made. `mode` is
// what the call installs.
// Context: hook.
template <typename Call>
auto install_sandbox(Sandbox mode, Call call) {
  Sandbox before = index::load_relaxed(g_sandbox);
  const bool is_stricter = before < mode;
  if (is_stricter) index::store_relaxed(g_sandbox, mode);
  const auto result = call();
  // A program may just try whether the kernel can.
  if (result != 0 && is_stricter) index::compare_exchange(g_sandbox, mode, before);
  return result;
}

}  // namespace allocs::allocators
