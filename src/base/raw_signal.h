// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/syscall.h>

#include "base/raw_syscall.h"

// Signals without the C library, whose own functions hide some of them. Context: signal.
namespace allocs {

using SignalMask = unsigned long;  // of the kernel: bit n - 1 is signal n
inline constexpr SignalMask kAllSignals = ~SignalMask{0};

// As rt_sigaction takes it.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  SignalMask mask;
};
inline constexpr unsigned long kHasRestorer = 0x04000000;  // SA_RESTORER

inline SyscallResult raw_sigaction(int signal, const KernelSigaction* now,
                                   KernelSigaction* before = nullptr) {
  return raw_syscall(SYS_rt_sigaction, signal, now, before, sizeof(SignalMask));
}

// While it lives, the thread has all signals blocked that can be.
class BlockedSignals {
 public:
  BlockedSignals() {
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAllSignals, &before_, sizeof(before_));
  }
  ~BlockedSignals() { raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, 0L, sizeof(before_)); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  SignalMask before_ = 0;
};

}  // namespace allocs
