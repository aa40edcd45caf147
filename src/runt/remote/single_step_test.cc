// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runt/remote/object_table.h"
#include "runt/remote/process_memory.h"
#include "runt/remote/thread_state.h"
#include "runt/unwind.h"

// Unwinds at every single instruction of a running program, where no compiler expected it: in prologues and epilogues,
// inside linkage stubs and the loader's lazy binding, in signal trampolines. The truth is kept beside it without any call
// frame information: a call pushes the address behind it and a ret takes one away, so following the calls and returns
// gives the stack of return addresses exactly.
namespace allocs::runt::remote {
namespace {

struct Call {
  std::uint64_t return_address;
  std::uint64_t at;  // where on the stack
};

// What the program under test does between two markers.
extern "C" [[gnu::noinline]] void allocs_step_begin() { asm volatile(""); }
extern "C" [[gnu::noinline]] void allocs_step_end() { asm volatile(""); }

int compare(const void* a, const void* b) {
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
void on_signal(int) {
  char text[64];
  snprintf(text, sizeof text, "%d %s", 42, "signal");
}

[[noreturn]] void run_subject() {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  signal(SIGUSR1, on_signal);
  raise(SIGSTOP);
  allocs_step_begin();
  int numbers[] = {5, 3, 9, 1, 7};
  qsort(numbers, 5, sizeof(int), compare);
  char text[128];
  snprintf(text, sizeof text, "%d %.3f %s", numbers[0], 3.25, "text");
  raise(SIGUSR1);
  try {
    throw 1;
  } catch (int) {
    numbers[0] = 2;
  }
  volatile std::size_t length = strlen(text) + std::string(text).append("more").size();
  void* block = malloc(length);
  free(block);
  allocs_step_end();
  _exit(0);
}

constexpr long kMostSteps = 60'000;  // a sanitizer makes many more of the same

struct Tally {
  long steps = 0, frames = 0, lost = 0, rewritten = 0, wrong = 0;
};

// The instruction at the pc, as far as it matters here.
enum class Kind { other, call, ret };
Kind kind_of(const std::byte* bytes) {
  auto byte = [&](int i) { return static_cast<unsigned>(bytes[i]); };
  int at = 0;
  while (byte(at) == 0xF2 || byte(at) == 0xF3 || byte(at) == 0x3E || byte(at) == 0x66) ++at;
  if ((byte(at) & 0xF0) == 0x40) ++at;  // REX
  if (byte(at) == 0xE8) return Kind::call;
  if (byte(at) == 0xFF && (byte(at + 1) >> 3 & 7) == 2) return Kind::call;
  if (byte(at) == 0xC3 || byte(at) == 0xC2) return Kind::ret;
  return Kind::other;
}

class Stepper {
 public:
  explicit Stepper(int pid) : pid_(pid), memory_(ProcessMemory::attach(pid)) {
    objects_ = read_objects(*memory_, memory_->auxiliary_vector());
  }

  void run_to(std::uint64_t address) {
    memory_->refresh();
    const long word = ptrace(PTRACE_PEEKTEXT, pid_, address, nullptr);
    ptrace(PTRACE_POKETEXT, pid_, address, (word & ~0xFFl) | 0xCC);
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    wait();
    ptrace(PTRACE_POKETEXT, pid_, address, word);
    read_registers();
    user_.rip = address;
    ptrace(PTRACE_SETREGS, pid_, nullptr, &user_);
  }

  // Steps until `address`, checking before each step.
  Tally step_to(std::uint64_t address) {
    Tally tally;
    bool has_end = true;
    base_ = unwind(tally, has_end);
    base_.erase(base_.begin());  // the marker, which returns at once
    calls_.push_back({word_at(user_.rsp), user_.rsp});
    while (user_.rip != address && tally.steps < kMostSteps) {
      check(tally);
      const Kind kind = kind_of(text_at(user_.rip));
      const std::uint64_t sp = user_.rsp;
      const std::uint64_t next = user_.rip;
      int signal = 0;
      if (pending_ != 0) std::swap(signal, pending_);
      ptrace(PTRACE_SINGLESTEP, pid_, nullptr, static_cast<long>(signal));
      const int status = wait();
      if (!WIFSTOPPED(status)) break;
      if (WSTOPSIG(status) != SIGTRAP) pending_ = WSTOPSIG(status);
      read_registers();
      ++tally.steps;
      if (signal != 0) {
        calls_.push_back(
            {0, user_.rsp});  // the kernel made this frame; its trampoline's address is on top
      } else if (kind == Kind::call && user_.rsp == sp - 8 && user_.rip != next) {
        calls_.push_back({word_at(user_.rsp), user_.rsp});
      } else if (kind == Kind::ret) {
        // Everything below the new stack pointer has returned; exceptions and sigreturn leave several at once.
        drop_below(user_.rsp);
      } else {
        drop_below(user_.rsp -
                   128 * 1024);  // cheap: nothing to do, unless the stack has been cut far back
      }
    }
    return tally;
  }

 private:
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }
  void read_registers() { ptrace(PTRACE_GETREGS, pid_, nullptr, &user_); }
  const std::byte* text_at(std::uint64_t at) {
    static const std::byte nothing[16] = {};
    const std::byte* bytes = memory_->view(Address{at}, 16);
    return bytes != nullptr ? bytes : nothing;
  }
  std::uint64_t word_at(std::uint64_t at) {
    return static_cast<std::uint64_t>(ptrace(PTRACE_PEEKDATA, pid_, at, nullptr));
  }
  void drop_below(std::uint64_t sp) {
    while (!calls_.empty() && calls_.back().at < sp) calls_.pop_back();
  }

  // Text is kept, the stack is read afresh.
  struct Fresh {
    int pid;
    mutable std::vector<std::unique_ptr<std::byte[]>> kept;
    const std::byte* view(Address at, std::size_t size) const {
      auto bytes = std::make_unique<std::byte[]>(size);
      const iovec here{bytes.get(), size};
      const iovec there{reinterpret_cast<void*>(raw(at)), size};
      if (process_vm_readv(pid, &here, 1, &there, 1, 0) != static_cast<ssize_t>(size))
        return nullptr;
      kept.push_back(std::move(bytes));
      return kept.back().get();
    }
  };

  std::vector<Frame> unwind(Tally& tally, bool& has_end) {
    const Fresh stack{pid_, {}};
    const MemoryRules rules{*memory_, objects_};
    UnwindCursor cursor{.registers = registers_of(user_)};
    std::vector<Frame> frames;
    while (const auto frame = step(stack, rules, cursor)) frames.push_back(*frame);
    has_end = cursor.end == Certainty::nothing_there;
    if (!has_end) ++tally.lost;
    return frames;
  }

  void check(Tally& tally) {
    bool has_end = true;
    const std::vector<Frame> frames = unwind(tally, has_end);
    tally.frames += static_cast<long>(frames.size());
    // Frame i returns to frame i + 1, whose pc is on the stack right below frame i's CFA.
    std::size_t i =
        !frames.empty() && frames[0].is_signal_frame ? 1 : 0;  // the trampoline itself has no call
    for (std::size_t left = calls_.size(); left-- != 0; ++i) {
      const Call& call = calls_[left];
      if (call.return_address == 0) {
        // From the handler into the trampoline, and from there to what was interrupted.
        i += 1;
        if (i >= frames.size() || !frames[i].is_signal_frame) return fail(tally, frames, i);
        continue;
      }
      if (word_at(call.at) !=
          call.return_address) {  // an exception on its way to where it is caught
        ++tally.rewritten;
        return;
      }
      if (i + 1 >= frames.size() || raw(frames[i].cfa) != call.at + 8 ||
          raw(frames[i + 1].pc) != call.return_address) {
        return fail(tally, frames, i);
      }
    }
    if (!has_end) return;
    if (frames.size() - i != base_.size()) return fail(tally, frames, i);
    for (std::size_t k = 0; k < base_.size(); ++k) {
      const bool same_pc = k == 0 || frames[i + k].pc == base_[k].pc;
      if (!same_pc || frames[i + k].cfa != base_[k].cfa) return fail(tally, frames, i + k);
    }
  }

  void fail(Tally& tally, const std::vector<Frame>& frames, std::size_t at) {
    if (++tally.wrong > 5) return;
    const LoadedObject* object = objects_.find(Address{user_.rip});
    fprintf(stderr,
            "pc %#llx (%s + %#llx) sp %#llx: frame %zu of %zu is not where the %zu calls are\n",
            user_.rip, object != nullptr ? object->name.c_str() : "?",
            user_.rip - (object != nullptr ? object->module.bias.value : 0), user_.rsp, at,
            frames.size(), calls_.size());
  }

  int pid_;
  Result<ProcessMemory> memory_;
  ObjectTable objects_;
  user_regs_struct user_{};
  std::vector<Call> calls_;
  std::vector<Frame> base_;
  int pending_ = 0;
};

TEST(SingleStep, EveryInstructionUnwindsToWhereTheCallsAre) {
  const pid_t pid = fork();
  if (pid == 0) run_subject();
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  if (!WIFSTOPPED(status)) GTEST_SKIP() << "may not trace";
  Stepper stepper{pid};
  stepper.run_to(reinterpret_cast<std::uint64_t>(&allocs_step_begin));
  const Tally tally = stepper.step_to(reinterpret_cast<std::uint64_t>(&allocs_step_end));
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  printf(
      "  %ld instructions, %ld frames, %ld not where the calls are, %ld walks without an end, %ld "
      "past a throw\n",
      tally.steps, tally.frames, tally.wrong, tally.lost, tally.rewritten);
  EXPECT_GT(tally.steps, 10'000);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_LT(tally.lost * 100, tally.steps);
}

}  // namespace
}  // namespace allocs::runt::remote
