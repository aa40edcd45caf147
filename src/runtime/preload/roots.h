// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

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

// Functions keep values so far below the stack pointer (psABI, 3.2.2).
inline constexpr std::uint64_t kRedZone = 128;

// From where on a stopped thread uses the stack, in which its stack pointer is; the stack's beginning if none is known to be on it.
// The kernel's frame with the registers may lie below, or elsewhere. Context: signal.
inline Address lowest_used_by_stopped(AddressRange stack) {
  Address lowest = stack.begin;
  if (!self::have_stopped_others()) return lowest;
  self::for_each_stopped_thread([&](const self::StoppedThread& thread) {
    if (!stack.contains(thread.sp())) return true;
    lowest = std::max(lowest, Address{raw(thread.sp()) - kRedZone});
    if (const AddressRange frame = thread.frame(); stack.contains(frame.begin))
      lowest = std::min(lowest, frame.begin);
    return false;
  });
  return lowest;
}

}  // namespace allocs::preload
