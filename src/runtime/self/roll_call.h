// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

#include "runtime/self/stopped_threads.h"

// Asking all other threads to stop, until each has answered. For stopped_threads.cc.
namespace allocs::self {

inline constexpr int kStopMark =
    0x414C4C4F;  // in si_errno of our signals, whose value is the stop's number and that of an entry in g_stopped
inline constexpr std::uint64_t kNsInMs = 1'000'000;

// Sends `signal` to each, with the number `epoch`. Context: query, by one thread at a time.
StopOutcome call_roll(int signal, std::uint32_t epoch, std::uint64_t deadline);
// The handler's answer. Context: signal.
void count_answer();

std::uint64_t now_ns();
void wake_all(std::atomic<std::uint32_t>& word);
// nullptr: for ever.
void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value, const timespec* longest);

}  // namespace allocs::self
