// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runt/self.h"
#include "runtime/self/self_process.h"
#include "runtime/self/stopped_threads.h"

// What threads hold: the one that asks, and those that it has stopped.
namespace allocs::preload {

// Those that the program has at its call; without its frame, its stack from here on. Context: query.
inline runt::Registers registers_of_asker(const self::SelfProcess& process) {
  if (const auto registers = process.registers_of_program()) return *registers;
  runt::Registers none{};
  none.set(elf::kRsp, raw(process.stack_pointer()));
  return none;
}

// What lies below the asker's frame at `sp`, and is in use by nobody but this very call: all of the thread's stack, if it surely runs on that (a fibre may have
// others below); else the frames of the call down to this function. Context: query.
[[gnu::noinline]] inline AddressRange unused_below_asker(const self::SelfProcess& process,
                                                         Address sp) {
  const auto thread = index::thread_with_stack_at(process.tables(), *process.root(), sp);
  const bool is_own = thread && thread->thread_pointer == raw(runt::self::thread_pointer());
  if (is_own && process.leads_to_start(*thread)) return {thread->stack_low, sp};
  return {runt::current_registers().sp(), sp};
}

// From where on a stopped thread uses the stack, in which its stack pointer is; the stack's beginning if none surely runs on it: one that runs on a fibre, or in
// a handler with a stack of its own, may have its frames below. The kernel's frame with the registers may lie below, or elsewhere. Context: signal.
inline Address lowest_used_by_stopped(const self::SelfProcess& process, AddressRange stack) {
  Address lowest = stack.begin;
  if (!self::have_stopped_others()) return lowest;
  self::for_each_stopped_thread([&](const self::StoppedThread& thread) {
    const Address sp = thread.sp();
    if (!stack.contains(sp)) return true;
    const auto owner = index::thread_with_stack_at(process.tables(), *process.root(), sp);
    const bool is_own = owner && owner->thread_pointer == thread.thread_pointer;
    if (!is_own || !process.leads_to_start(*owner, thread.registers())) return false;
    lowest = std::max(lowest, thread.lowest_in_use());
    if (const AddressRange frame = thread.frame(); stack.contains(frame.begin))
      lowest = std::min(lowest, frame.begin);
    return false;
  });
  return lowest;
}

// Where words are nobody's, while the other threads are stopped: what lies below the stack pointers, and this library's own data. Context: query.
class OutOfUse {
 public:
  // The asker's stack pointer.
  OutOfUse(const self::SelfProcess& process, Address sp)
      : process_(process), unused_(unused_below_asker(process, sp)) {
    const auto own = process.find_object(address_of(static_cast<const void*>(&allocators::g_root)));
    if (own != nullptr) own_object_ = own->range;
  }
  bool contains(Address at) const {
    if (unused_.contains(at) || own_object_.contains(at)) return true;
    if (!stack_.contains(at)) {
      const auto thread = index::thread_with_stack_at(process_.tables(), *process_.root(), at);
      if (!thread) return false;
      stack_ = {thread->stack_low, thread->stack_high};
      lowest_used_ = lowest_used_by_stopped(process_, stack_);
    }
    return at < lowest_used_;
  }

 private:
  const self::SelfProcess& process_;
  AddressRange unused_, own_object_{};
  // Of the stack that was asked about last.
  mutable AddressRange stack_{};
  mutable Address lowest_used_{};
};

}  // namespace allocs::preload
