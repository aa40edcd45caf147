// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/stopped_threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include <algorithm>

#include "allocs/stop.h"
#include "base/raw_signal.h"
#include "runt/self.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/self/task_list.h"

// Each thread that the kernel lists is sent the signal, with the number of its entry in the table. Its handler leaves there where its registers are, says
// so, and waits for the number of the stop to change. The list is read again until two readings find nobody who has not been asked and has not answered: a
// stopped thread starts no others, so from then on there are none.
//
// A signal that was sent cannot be called back from one thread alone. But the kernel drops all that are pending when the action becomes SIG_IGN; so when a thread
// does not stop, its signal goes that way, and the program's own action, which may be to end the process, is never taken for it.

namespace allocs::self {

constinit StopTable g_stopped{};

namespace {

constexpr int kMark = 0x414C4C4F;  // in si_errno of our signals
constexpr unsigned kUsualPatienceMs = 1000;
constexpr std::uint64_t kNsInMs = 1'000'000;

// `epoch` and `answers` are futexes.
constinit std::atomic<std::uint32_t> g_epoch{
    0};  // number of the stop that is made or in force; 0: none is
constinit std::atomic<std::uint32_t> g_answers{0};
constinit std::atomic<std::uint32_t> g_strangers{0};  // signals that were not ours
// Who stops the others: the process's id and the thread's. The rest is its own.
constinit std::atomic<std::uint64_t> g_owner{0};
constinit std::uint32_t g_last_epoch = 0;
constinit int g_signal = 0;  // whose action is ours now; 0: none
constinit int g_last_signal = 0;
constinit KernelSigaction g_before{};

std::uint64_t this_thread() {
  return static_cast<std::uint64_t>(runt::self::process_id()) << 32 |
         static_cast<std::uint32_t>(runt::self::thread_id());
}
int process_in(std::uint64_t owner) { return static_cast<int>(owner >> 32); }

std::uint64_t now_ns() {
  timespec now{};
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 * kNsInMs +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void wake(std::atomic<std::uint32_t>& word) {
  constexpr int kAll = 0x7fffffff;
  raw_syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, kAll, 0L, 0L, 0);
}
void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value, const timespec* longest) {
  raw_syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, longest, 0L, 0);
}

// ---- the signal ----

// What the handler returns to. Unwinders know these bytes.
asm(R"(
  .pushsection .text
  .balign 16
  .type allocs_return_from_signal, @function
  nop
allocs_return_from_signal:
  movq $15, %rax
  syscall
  .size allocs_return_from_signal, . - allocs_return_from_signal
  .popsection
)");
extern "C" ALLOCS_OWN void allocs_return_from_signal();

bool is_in_child_of_owner() {
  const std::uint64_t owner = g_owner.load(std::memory_order_acquire);
  return owner != 0 && process_in(owner) != runt::self::process_id();
}
void forget_parents_stop();
void end_turn();
void handle_stop(int signal, siginfo_t* info, void* context);

// Nobody stops threads, and yet the action is there: a child was forked while a stop failed.
bool give_back_left_action(int signal) {
  KernelSigaction now{};
  if (signal == 0 || signal != g_last_signal || !raw_sigaction(signal, nullptr, &now).ok())
    return false;
  if (now.handler != reinterpret_cast<void*>(handle_stop)) return false;
  return raw_sigaction(signal, &g_before).ok();
}

// In a child that was forked past the C library: the action is given back, and the signal has its effect after all.
void pass_on_in_child() {
  const int signal = g_signal;
  forget_parents_stop();
  end_turn();
  if (signal != 0) raw_syscall(SYS_kill, runt::self::process_id(), signal);
}

// Context: signal, with all signals blocked. Takes little of the stack.
void handle_stop(int signal, siginfo_t* info, void* context) {
  if (is_in_child_of_owner()) return pass_on_in_child();
  const bool is_marked = info->si_errno == kMark && info->si_code == SI_QUEUE;
  const auto told = reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr);
  const auto epoch = static_cast<std::uint32_t>(told >> 32),
             number = static_cast<std::uint32_t>(told);
  if (is_marked && (epoch == 0 || g_epoch.load(std::memory_order_acquire) != epoch))
    return;  // it came late
  // Another process could send the same.
  const bool is_ours = is_marked && number < g_stopped.count.load(std::memory_order_acquire) &&
                       g_stopped.at(number)->tid == runt::self::thread_id();
  if (!is_ours && g_owner.load(std::memory_order_acquire) == 0) {
    if (give_back_left_action(signal)) raw_syscall(SYS_kill, runt::self::process_id(), signal);
    return;
  }
  if (!is_ours) {
    g_strangers.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  StoppedThread& own = *g_stopped.at(number);
  own.thread_pointer = raw(runt::self::thread_pointer());
  own.context = static_cast<const ucontext_t*>(context);
  own.state.store(StopState::stopped, std::memory_order_release);
  g_answers.fetch_add(1, std::memory_order_acq_rel);
  wake(g_answers);
  while (g_epoch.load(std::memory_order_acquire) == epoch) wait_while(g_epoch, epoch, nullptr);
}

bool is_usable(int signal) {
  constexpr int kCancel = 32, kSetxid = 33, kHighest = 64;  // the C library's own
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
    case kCancel:
    case kSetxid:
      return false;
    default:
      return signal >= 1 && signal <= kHighest;
  }
}

bool take_action(int signal) {
  KernelSigaction now{};
  if (!raw_sigaction(signal, nullptr, &now).ok()) return false;
  const auto handler = reinterpret_cast<std::uint64_t>(now.handler);
  if (handler != reinterpret_cast<std::uint64_t>(SIG_DFL) &&
      handler != reinterpret_cast<std::uint64_t>(SIG_IGN))
    return false;
  const KernelSigaction ours{
      .handler = reinterpret_cast<void*>(handle_stop),
      .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | kHasRestorer,
      .restorer = reinterpret_cast<void*>(allocs_return_from_signal),
      .mask = kAllSignals,
  };
  g_strangers.store(0, std::memory_order_relaxed);
  // Who is forked at any moment knows what to give back.
  g_before = now;
  g_signal = g_last_signal = signal;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (raw_sigaction(signal, &ours, &g_before).ok()) return true;
  g_signal = 0;
  return false;
}

void give_back_action() {
  if (g_signal == 0) return;
  const int signal = g_signal;
  raw_sigaction(signal, &g_before);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  g_signal = 0;
  if (g_strangers.exchange(0, std::memory_order_relaxed) != 0)
    raw_syscall(SYS_kill, runt::self::process_id(), signal);
}

void drop_pending_signals() {
  const KernelSigaction ignored{
      .handler = reinterpret_cast<void*>(SIG_IGN), .flags = 0, .restorer = nullptr, .mask = 0};
  raw_sigaction(g_signal, &ignored);
}

void let_run() {
  allocators::set_others_stopped(false);
  g_epoch.store(0, std::memory_order_release);
  wake(g_epoch);
}

// ---- whose turn it is ----

// What a forked child has inherited of its parent's stop.
void forget_parents_stop() {
  g_strangers.store(0, std::memory_order_relaxed);  // these were sent to the parent
  allocators::set_others_stopped(false);
  g_epoch.store(0, std::memory_order_release);
  give_back_action();
}

int take_turn(std::uint64_t deadline) {
  const std::uint64_t own = this_thread();
  for (;;) {
    std::uint64_t owner = 0;
    if (g_owner.compare_exchange_strong(owner, own, std::memory_order_acq_rel)) return ALLOC_OK;
    if (owner == own) return ALLOC_E_STOPPED;
    if (process_in(owner) != process_in(own) &&
        g_owner.compare_exchange_strong(owner, own, std::memory_order_acq_rel)) {
      forget_parents_stop();
      return ALLOC_OK;
    }
    if (now_ns() >= deadline) return ALLOC_E_NOT_YET;
    const timespec pause{0, static_cast<long>(kNsInMs)};
    raw_syscall(SYS_nanosleep, &pause, 0L);
  }
}

void end_turn() { g_owner.store(0, std::memory_order_release); }

// ---- asking the threads ----

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
    entry->state.store(StopState::asked, std::memory_order_release);
    g_stopped.count.store(number + 1, std::memory_order_release);
    if (!send(tid, number)) entry->state.store(StopState::gone, std::memory_order_release);
    return error_ == ALLOC_OK;
  }

  // False: the thread is gone, or the kernel has no room for the signal.
  bool send(int tid, std::uint32_t number) {
    siginfo_t info{};
    info.si_signo = signal_;
    info.si_errno = kMark;
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

StopOutcome stop_others(int signal, unsigned timeout_ms) {
  if (!is_usable(signal)) return {.error = ALLOC_E_INVALID};
  if (allocators::is_sandboxed()) return {.error = ALLOC_E_REFUSED};
  const std::uint64_t deadline =
      now_ns() + (timeout_ms == 0 ? kUsualPatienceMs : timeout_ms) * kNsInMs;
  if (const int error = take_turn(deadline); error != ALLOC_OK) return {.error = error};
  if (!take_action(signal)) {
    end_turn();
    return {.error = ALLOC_E_REFUSED};
  }
  if (++g_last_epoch == 0) ++g_last_epoch;
  g_epoch.store(g_last_epoch, std::memory_order_release);
  const StopOutcome outcome = Roll(signal, g_last_epoch, deadline).call();
  if (outcome.error == ALLOC_OK) {
    allocators::set_others_stopped(true);
    return outcome;
  }
  let_run();
  drop_pending_signals();
  give_back_action();
  end_turn();
  return outcome;
}

int resume_others() {
  const std::uint64_t owner = g_owner.load(std::memory_order_acquire), own = this_thread();
  if (owner == 0) return ALLOC_E_INVALID;
  if (process_in(owner) != process_in(own)) {
    forget_parents_stop();
  } else if (owner != own || !allocators::others_are_stopped()) {
    return ALLOC_E_INVALID;
  } else {
    // First, since who runs may fork: the kernel copies the actions before it copies what we know of them.
    give_back_action();
    let_run();
  }
  end_turn();
  return ALLOC_OK;
}

void after_fork_in_child() {
  if (g_owner.load(std::memory_order_acquire) == 0) give_back_left_action(g_last_signal);
  if (!is_in_child_of_owner()) return;
  forget_parents_stop();
  end_turn();
}

bool have_stopped_others() {
  return allocators::others_are_stopped() &&
         g_owner.load(std::memory_order_acquire) == this_thread();
}

int count_others() {
  struct Count {
    int own = runt::self::thread_id(), others = 0;
  } count;
  const bool was_told = for_each_task(
      [](int tid, void* context) {
        auto& each = *static_cast<Count*>(context);
        if (tid != each.own && state_of_task(tid) == TaskState::runs) ++each.others;
        return true;
      },
      &count);
  return was_told ? count.others : -1;
}

}  // namespace allocs::self
