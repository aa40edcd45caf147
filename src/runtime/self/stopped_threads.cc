// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/stopped_threads.h"

#include <time.h>

#include <optional>

#include "allocs/stop.h"
#include "base/every_process.h"
#include "base/raw_signal.h"
#include "runt/self.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/self/fork_handler.h"
#include "runtime/self/roll_call.h"
#include "runtime/self/statistics.h"
#include "runtime/self/task_list.h"

// Each thread that the kernel lists is sent the signal, with the number of its entry in the table. Its handler leaves there where its registers are, says
// so, and waits for the number of the stop to change. The list is read again until two readings find nobody who has not been asked and has not answered: a
// stopped thread starts no others, so from then on there are none.
//
// A signal that was sent cannot be called back from one thread alone. But the kernel drops all that are pending when the action becomes SIG_IGN; so when a thread
// does not stop, its signal goes that way, and the program's own action, which may be to end the process, is never taken for it.

namespace allocs::self {

ALLOCS_APART constinit StopTable g_stopped{};

namespace {

constexpr unsigned kUsualPatienceMs = 1000;
// The number of the stop that is made or in force; 0: none is. A futex.
constinit std::atomic<std::uint32_t> g_epoch{0};
constinit std::atomic<std::uint32_t> g_strangers{0};  // signals that were not ours
// Who stops the others: the process's id and the thread's. The rest is its own.
constinit std::atomic<std::uint64_t> g_owner{0};
constinit std::atomic<std::uint64_t> g_last_owner{0};
constinit std::atomic<std::uint32_t> g_waiting{0};  // for their turn
constinit std::uint32_t g_last_epoch = 0;
constinit int g_signal = 0;  // whose action is ours now; 0: none
constinit int g_last_signal = 0;
constinit KernelSigaction g_before{};

std::uint64_t this_thread() {
  return static_cast<std::uint64_t>(runt::self::process_id()) << 32 |
         static_cast<std::uint32_t>(runt::self::thread_id());
}
int process_in(std::uint64_t owner) { return static_cast<int>(owner >> 32); }

// ---- the signal ----

// What the handler returns to. Some unwinders know these bytes; the others, ours among them, read where the kernel keeps the registers: 40
// bytes into the ucontext_t that the stack pointer points to by now. The byte before is for who looks a return address up by what lies in front of it.
asm(R"(
  .macro allocs_kept register, offset
  .cfi_escape 0x10, \register, 3, 0x77, 0x80 | (\offset & 0x7f), \offset >> 7
  .endm
  .pushsection .text
  .balign 16
  .cfi_startproc simple
  .cfi_signal_frame
  .cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06
  allocs_kept 0, 144
  allocs_kept 1, 136
  allocs_kept 2, 152
  allocs_kept 3, 128
  allocs_kept 4, 112
  allocs_kept 5, 104
  allocs_kept 6, 120
  allocs_kept 7, 160
  allocs_kept 8, 40
  allocs_kept 9, 48
  allocs_kept 10, 56
  allocs_kept 11, 64
  allocs_kept 12, 72
  allocs_kept 13, 80
  allocs_kept 14, 88
  allocs_kept 15, 96
  allocs_kept 16, 168
  nop
  .type allocs_return_from_signal, @function
allocs_return_from_signal:
  movq $15, %rax
  syscall
  .size allocs_return_from_signal, . - allocs_return_from_signal
  .cfi_endproc
  .popsection
  .purgem allocs_kept
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
  const bool is_marked = info->si_errno == kStopMark && info->si_code == SI_QUEUE;
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
  count_answer();
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

void set_stopped(bool are_stopped) {
  allocators::set_others_stopped(are_stopped);
  g_statistics.take_long_road_while_stopped(are_stopped);
}

void let_run() {
  set_stopped(false);
  g_epoch.store(0, std::memory_order_release);
  wake_all(g_epoch);
}

// ---- whose turn it is ----

// What a forked child has inherited of its parent's stop.
void forget_parents_stop() {
  g_strangers.store(0, std::memory_order_relaxed);  // these were sent to the parent
  set_stopped(false);
  g_epoch.store(0, std::memory_order_release);
  give_back_action();
}

// Gives the signal back. Context: signal.
void after_fork_in_child() {
  g_waiting.store(0, std::memory_order_relaxed);
  if (g_owner.load(std::memory_order_acquire) == 0) give_back_left_action(g_last_signal);
  if (!is_in_child_of_owner()) return;
  forget_parents_stop();
  end_turn();
}

// Once, by whoever has the turn.
void hear_of_forks() {
  static constinit bool s_hears = false;
  if (s_hears) return;
  s_hears = true;
  call_in_forked_children(after_fork_in_child);
}

void pause_1ms() {
  const timespec pause{0, static_cast<long>(kNsInMs)};
  raw_syscall(SYS_nanosleep, &pause, 0L);
}

// Who has had the last turn lets those go first who wait for one: they were stopped when it ended, and need a moment to run again.
void let_others_go_first(std::uint64_t own, std::uint64_t deadline) {
  constexpr int kMostPauses = 50;
  for (int i = 0; i < kMostPauses && now_ns() < deadline; ++i) {
    if (g_waiting.load(std::memory_order_acquire) == 0 ||
        g_last_owner.load(std::memory_order_acquire) != own)
      return;
    pause_1ms();
  }
}

// Absent: somebody else has it.
std::optional<int> try_to_take_turn(std::uint64_t own) {
  std::uint64_t owner = 0;
  if (g_owner.compare_exchange_strong(owner, own, std::memory_order_acq_rel)) return ALLOC_OK;
  if (owner == own) return ALLOC_E_STOPPED;
  if (process_in(owner) != process_in(own) &&
      g_owner.compare_exchange_strong(owner, own, std::memory_order_acq_rel)) {
    forget_parents_stop();
    return ALLOC_OK;
  }
  return std::nullopt;
}

int take_turn(std::uint64_t deadline) {
  const std::uint64_t own = this_thread();
  let_others_go_first(own, deadline);
  std::optional<int> result = try_to_take_turn(own);
  if (!result) {
    g_waiting.fetch_add(1, std::memory_order_acq_rel);
    while (!result) {
      result = now_ns() >= deadline ? ALLOC_E_NOT_YET : try_to_take_turn(own);
      if (!result) pause_1ms();
    }
    g_waiting.fetch_sub(1, std::memory_order_acq_rel);
  }
  if (*result == ALLOC_OK) g_last_owner.store(own, std::memory_order_release);
  return *result;
}

void end_turn() { g_owner.store(0, std::memory_order_release); }

}  // namespace

// With the others stopped the loader cannot be asked what was loaded lately.
void prepare_to_stop_others() { allocators::refresh_modules(); }

StopOutcome stop_others(int signal, unsigned timeout_ms, bool is_prepared) {
  if (!is_usable(signal)) return {.error = ALLOC_E_INVALID};
  if (allocators::is_sandboxed()) return {.error = ALLOC_E_REFUSED};
  if (!is_prepared) prepare_to_stop_others();
  const std::uint64_t deadline =
      now_ns() + (timeout_ms == 0 ? kUsualPatienceMs : timeout_ms) * kNsInMs;
  if (const int error = take_turn(deadline); error != ALLOC_OK) return {.error = error};
  hear_of_forks();
  if (!take_action(signal)) {
    end_turn();
    return {.error = ALLOC_E_REFUSED};
  }
  if (++g_last_epoch == 0) ++g_last_epoch;
  g_epoch.store(g_last_epoch, std::memory_order_release);
  const StopOutcome outcome = call_roll(signal, g_last_epoch, deadline);
  if (outcome.error == ALLOC_OK) {
    set_stopped(true);
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

bool have_stopped_others() {
  return allocators::others_are_stopped() &&
         g_owner.load(std::memory_order_acquire) == this_thread();
}

std::uint32_t number_of_stop() { return g_epoch.load(std::memory_order_acquire); }

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
