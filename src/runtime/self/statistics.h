// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/allocators/state.h"
#include "runtime/query/answer.h"

// What was asked of this process and how it ended, for whoever sets ALLOCS_STATS=1: one file of `name value` lines when the
// process exits. Otherwise nothing is counted and nothing is written; a query pays a load and a branch for the choice.
//
// Threads and signal handlers count with relaxed atomic additions. A forked child goes on with its parent's numbers. A
// process that leaves by _exit, exec or a signal writes nothing.
namespace allocs {
class TextWriter;
}

namespace allocs::self {

enum class Question : std::uint8_t {
  allocator,
  base,
  size,
  type,
  site,
  everything,         // alloc_query
  everything_nowait,  // the same with ALLOC_NOWAIT
  path,
  description,
  count_,
};

class Statistics {
 public:
  constexpr Statistics() = default;

  // Reads ALLOCS_STATS and ALLOCS_STATS_FILE. Context: init.
  void open(const char* const* environment);

  // Must the getters take the long road? Where questions are counted, or the program has allocators of its own, or while the asker has
  // stopped other threads. Context: signal.
  bool takes_long_road() const { return long_road_ != 0; }
  void take_long_road() { __atomic_fetch_or(&long_road_, kAlways, __ATOMIC_RELAXED); }
  void take_long_road_while_stopped(bool are_stopped) {
    if (are_stopped) {
      __atomic_fetch_or(&long_road_, kStopped, __ATOMIC_RELAXED);
    } else {
      __atomic_fetch_and(&long_road_, static_cast<std::uint8_t>(~kStopped), __ATOMIC_RELAXED);
    }
  }
  void count(Question question, const query::Answer& answer) {
    if (is_on_) [[unlikely]]
      add(question, answer.allocator, answer.error, answer.type_error);
  }
  bool is_on() const { return is_on_; }
  // Writes the file, if that was asked for. Context: query.
  void close() const;

 private:
  static constexpr std::size_t kErrors = 1 - ALLOC_E_INVALID;
  static constexpr std::size_t kLongestPath = 1024;

  void add(Question question, query::Allocator allocator, int error, int type_error);
  void put_file_name(TextWriter& out) const;

  bool is_on_ = false;
  static constexpr std::uint8_t kAlways = 1, kStopped = 2;
  std::uint8_t long_road_ = 0;
  std::uint64_t questions_[static_cast<std::size_t>(Question::count_)] = {};
  std::uint64_t answers_[static_cast<std::size_t>(query::Allocator::count_)] = {};
  std::uint64_t errors_[kErrors] = {};  // by -enum alloc_error: of the allocation
  std::uint64_t type_errors_[kErrors] =
      {};  // of the type, where the allocation was known and the question gives the type
  const char* file_ = nullptr;  // "%p" stands for the process id
};

extern constinit ALLOCS_OWN Statistics g_statistics;

}  // namespace allocs::self
