// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/roll_call.h"

#include <errno.h>
#include <linux/futex.h>

#include <algorithm>

#include "allocs/stop.h"
#include "base/raw_signal.h"
#include "runt/self.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/self/task_list.h"

namespace allocs::self {

namespace {

constinit std::atomic<std::uint32_t> g_answers{0};  // a futex

class Roll {
 public:
  Roll(int signal, std::uint32_t epoch, std::uint64_t deadline)
      : signal_(signal), epoch_(epoch), deadline_(deadline) {
    g_stopped.count.store(0, std::memory_order_release);
  }

  StopOutcome call() {
    int quiet_readings = 0;
    while (quiet_readings < 2) {
      const std::uint32_t before = g_stopped.count.load(std::memory_order_relaxed);
      next_ = 0;
      const bool was_told = for_each_task(
          [](int tid, void* roll) { return static_cast<Roll*>(roll)->ask(tid); }, this);
      if (error_ != ALLOC_OK) return {.error = error_};
      if (!was_told) return {.error = ALLOC_E_REFUSED};
      const bool is_quiet = g_stopped.count.load(std::memory_order_relaxed) == before;
      quiet_readings = is_quiet ? quiet_readings + 1 : 0;
      if (!wait_for_answers()) return who_did_not_answer();
      if (!is_quiet && now_ns() >= deadline_)
        return {.error = ALLOC_E_WILL_NOT_STOP, .reason = ALLOC_STOP_ENDLESS};
    }
    StopOutcome outcome;
    for_each_stopped_thread([&](const StoppedThread&) { return ++outcome.threads != 0; });
    return outcome;
  }

 private:
  // The kernel lists threads in the order in which they were found before, so that the place is usually known.
  bool is_asked(int tid) {
    const std::uint32_t count = g_stopped.count.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t number = next_ + i < count ? next_ + i : next_ + i - count;
      const StoppedThread& each = *g_stopped.at(number);
      if (each.tid != tid || each.state.load(std::memory_order_relaxed) == StopState::gone)
        continue;
      next_ = number + 1 < count ? number + 1 : 0;
      return true;
    }
    return false;
  }

  StoppedThread* new_entry(std::uint32_t number) {
    const index::Place place = index::place_of<StopTable::kFirstShift>(number);
    if (place.chunk >= StopTable::kChunks) return nullptr;
    std::atomic<StoppedThread*>& chunk = g_stopped.chunks[place.chunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      const std::size_t size =
          index::chunk_capacity<StopTable::kFirstShift>(place.chunk) * sizeof(StoppedThread);
      chunk.store(static_cast<StoppedThread*>(allocators::allocate_chunk(size)),
                  std::memory_order_release);
      if (chunk.load(std::memory_order_relaxed) == nullptr) return nullptr;
    }
    return g_stopped.at(number);
  }

  bool ask(int tid) {
    if (tid == own_ || is_asked(tid)) return true;
    if (state_of_task(tid) == TaskState::gone) return true;
    const std::uint32_t number = g_stopped.count.load(std::memory_order_relaxed);
    StoppedThread* const entry = new_entry(number);
    if (entry == nullptr) {
      error_ = ALLOC_E_NO_MEMORY;
      return false;
    }
    entry->tid = tid;
    entry->context = nullptr;
    entry->stack = {};
    entry->state.store(StopState::asked, std::memory_order_release);
    g_stopped.count.store(number + 1, std::memory_order_release);
    if (!send(tid, number)) entry->state.store(StopState::gone, std::memory_order_release);
    return error_ == ALLOC_OK;
  }

  // False: the thread is gone, or the kernel has no room for the signal.
  bool send(int tid, std::uint32_t number) {
    siginfo_t info{};
    info.si_signo = signal_;
    info.si_errno = kStopMark;
    info.si_code = SI_QUEUE;
    info.si_pid = process_;
    info.si_value.sival_ptr = reinterpret_cast<void*>(std::uint64_t{epoch_} << 32 | number);
    const SyscallResult sent = raw_syscall(SYS_rt_tgsigqueueinfo, process_, tid, signal_, &info);
    if (!sent.ok() && sent.error() != ESRCH) error_ = ALLOC_E_REFUSED;
    return sent.ok();
  }

  template <typename Visit>
  static void for_each_unanswered(Visit visit) {
    const std::uint32_t count = g_stopped.count.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
      StoppedThread& each = *g_stopped.at(i);
      if (each.state.load(std::memory_order_acquire) == StopState::asked && !visit(each)) return;
    }
  }

  bool wait_for_answers() {
    for (;;) {
      const std::uint32_t seen = g_answers.load(std::memory_order_acquire);
      bool is_waited_for = false;
      for_each_unanswered([&](StoppedThread&) { return !(is_waited_for = true); });
      if (!is_waited_for) return true;
      const std::uint64_t now = now_ns();
      if (now >= deadline_) return false;
      constexpr std::uint64_t kLook =
          2 * kNsInMs;  // how often is looked for threads that have ended
      const timespec pause{0, static_cast<long>(std::min(kLook, deadline_ - now))};
      wait_while(g_answers, seen, &pause);
      if (g_answers.load(std::memory_order_acquire) == seen) pass_over_the_gone();
    }
  }
  void pass_over_the_gone() {
    for_each_unanswered([](StoppedThread& each) {
      StopState asked = StopState::asked;
      if (state_of_task(each.tid) == TaskState::gone)
        each.state.compare_exchange_strong(asked, StopState::gone, std::memory_order_acq_rel);
      return true;
    });
  }

  StopOutcome who_did_not_answer() const {
    StopOutcome outcome{.error = ALLOC_E_WILL_NOT_STOP, .reason = ALLOC_STOP_SILENT};
    for_each_unanswered([&](StoppedThread& each) {
      outcome.thread = each.tid;
      const bool blocks = (blocked_signals_of_task(each.tid) >> (signal_ - 1) & 1) != 0;
      if (blocks) outcome.reason = ALLOC_STOP_BLOCKED;
      return !blocks;
    });
    return outcome;
  }

  int signal_;
  std::uint32_t epoch_;
  std::uint64_t deadline_;
  int process_ = runt::self::process_id(), own_ = runt::self::thread_id();
  std::uint32_t next_ = 0;  // entry of who is likely listed next
  int error_ = ALLOC_OK;
};

}  // namespace

StopOutcome call_roll(int signal, std::uint32_t epoch, std::uint64_t deadline) {
  return Roll(signal, epoch, deadline).call();
}

void count_answer() {
  g_answers.fetch_add(1, std::memory_order_acq_rel);
  wake_all(g_answers);
}

std::uint64_t now_ns() {
  timespec now{};
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 * kNsInMs +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void wake_all(std::atomic<std::uint32_t>& word) {
  constexpr int kAll = 0x7fffffff;
  raw_syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, kAll, 0L, 0L, 0);
}
void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value, const timespec* longest) {
  raw_syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, longest, 0L, 0);
}

}  // namespace allocs::self
