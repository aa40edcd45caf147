// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucontext.h>

#include <atomic>
#include <cstdint>

#include "base/address.h"
#include "runt/registers.h"
#include "runtime/index/doubling.h"

// The other threads of this process, stopped by a signal: each waits in its handler, with its registers in the frame that the kernel made for that.
// allocs/stop.h has the contract; docs/decisions has why it is made so.
namespace allocs::self {

// Functions keep values so far below the stack pointer (psABI, 3.2.2).
inline constexpr std::uint64_t kRedZone = 128;

enum class StopState : std::uint32_t { asked, stopped, gone };

// Written by the thread that stops the others, but `state` (stopped) and what is below it: the handler writes these before it says so.
struct StoppedThread {
  std::atomic<StopState> state;
  int tid;
  std::uint64_t thread_pointer;
  const ucontext_t* context;
  // What it uses of its stack, once that was found out; written by the thread that has stopped it.
  mutable AddressRange stack;

  runt::Registers registers() const;
  Address sp() const;
  Address lowest_in_use() const { return Address{raw(sp()) - kRedZone}; }
  // Of the kernel's frame what holds registers, those of vectors included.
  AddressRange frame() const;
};

struct StopOutcome {
  int error = 0;  // enum alloc_error
  unsigned threads = 0;
  int thread = 0;  // that would not stop, and enum alloc_stop_reason
  int reason = 0;
};

// What stop_others needs of the loader, whose lock others may hold for long: for who takes a lock that they might wait for meanwhile. Context: query, without locks.
void prepare_to_stop_others();
// Context: query, without locks: what it makes it keeps. With `is_prepared` it does not ask the loader.
StopOutcome stop_others(int signal, unsigned timeout_ms, bool is_prepared = false);
// As alloc_resume_others. Context: signal.
int resume_others();
// Has this very thread stopped the others? Context: signal.
bool have_stopped_others();

// How many milliseconds to wait for one of the run time's locks: who has it while all others are stopped is one of them.
inline unsigned patience(unsigned usual) { return have_stopped_others() ? 0 : usual; }
// Of the stop that is being made or in force; 0: none is. No two have the same, but after 2^32. Context: signal.
std::uint32_t number_of_stop();
// How many other threads of the program there are; -1: the kernel does not tell. Context: query.
int count_others();

// Which there are, while the others are stopped.
struct StopTable {
  static constexpr unsigned kFirstShift = 6, kChunks = 16;
  std::atomic<StoppedThread*> chunks[kChunks];
  std::atomic<std::uint32_t> count;

  StoppedThread* at(std::uint32_t number) const {
    const index::Place place = index::place_of<kFirstShift>(number);
    return chunks[place.chunk].load(std::memory_order_acquire) + place.index;
  }
};
extern constinit StopTable g_stopped;

// Calls visit(const StoppedThread&) for each stopped thread, until it returns false. Only where have_stopped_others(). Context: signal.
template <typename Visit>
void for_each_stopped_thread(Visit&& visit) {
  const std::uint32_t count = g_stopped.count.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < count; ++i) {
    const StoppedThread& thread = *g_stopped.at(i);
    if (thread.state.load(std::memory_order_acquire) != StopState::stopped) continue;
    if (!visit(thread)) return;
  }
}

}  // namespace allocs::self
