// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

// System calls without the C library: no errno, no cancellation point, no lock. The result is the kernel's own: a value
// in [-4095, -1] is a negated error number.
// Context: hook, signal. A seccomp filter of the host may kill.
namespace allocs {

struct SyscallResult {
  std::int64_t value;

  constexpr bool ok() const { return value < -4095 || value >= 0; }
  constexpr int error() const { return ok() ? 0 : static_cast<int>(-value); }
};

// Numbers from <sys/syscall.h>. Pointers and integers alike are passed as they are; unused arguments cost nothing.
template <typename... Arguments>
requires(sizeof...(Arguments) <= 6) inline SyscallResult
    raw_syscall(long number, Arguments... arguments) {
  [[maybe_unused]] constexpr auto as_word = [](auto argument) {
    if constexpr (std::is_pointer_v<decltype(argument)>) {
      return reinterpret_cast<std::int64_t>(argument);
    } else {
      return static_cast<std::int64_t>(argument);
    }
  };
  constexpr int kCount = sizeof...(Arguments);
  const std::int64_t words[kCount + 1] = {as_word(arguments)..., 0};
  std::int64_t result;
  if constexpr (kCount <= 3) {
    const std::int64_t a = kCount > 0 ? words[0] : 0;
    const std::int64_t b = words[kCount > 1 ? 1 : kCount];
    const std::int64_t c = words[kCount > 2 ? 2 : kCount];
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c)
                 : "rcx", "r11", "memory");
  } else {
    register std::int64_t r10 asm("r10") = words[3];
    register std::int64_t r8 asm("r8") = words[kCount > 4 ? 4 : kCount];
    register std::int64_t r9 asm("r9") = words[kCount > 5 ? 5 : kCount];
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(words[0]), "S"(words[1]), "d"(words[2]), "r"(r10), "r"(r8),
                   "r"(r9)
                 : "rcx", "r11", "memory");
  }
  return {result};
}

}  // namespace allocs
