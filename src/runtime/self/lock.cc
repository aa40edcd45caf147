// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "allocs.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/sandbox.h"

namespace allocs::self {

bool ProcessLock::acquire(unsigned timeout_ms) {
  if (allocators::is_sandboxed()) return false;
  const int process = static_cast<int>(raw_syscall(SYS_getpid).value);
  for (unsigned waited_ms = 0;; waited_ms += 10) {
    int holder = 0;
    if (holder_.compare_exchange_strong(holder, process, std::memory_order_acquire)) return true;
    if (holder != process &&
        holder_.compare_exchange_strong(holder, process, std::memory_order_acquire))
      return true;
    if (waited_ms >= timeout_ms) return false;
    const timespec pause{0, 10'000'000};
    raw_syscall(SYS_futex, &holder_, FUTEX_WAIT, process, &pause, 0L, 0);
  }
}

int ProcessLock::Guard::error() const {
  return held_ ? ALLOC_OK : allocators::is_sandboxed() ? ALLOC_E_REFUSED : ALLOC_E_NOT_YET;
}

void ProcessLock::release() {
  holder_.store(0, std::memory_order_release);
  // Whoever waits looks again by itself.
  if (!allocators::is_sandboxed()) raw_syscall(SYS_futex, &holder_, FUTEX_WAKE, 1, 0L, 0L, 0);
}

}  // namespace allocs::self
