// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "toolchain/memo/dependencies.h"
#include "toolchain/memo/entry.h"
#include "toolchain/memo/store.h"

namespace allocs::memo {

// Remembers what came out of a computation from one process to the next, as long as nothing changes that it has looked at.
//
//   recall(key) -> the outcome, or: compute, with a DependencyRecord; remember(key, outcome, record, beginning)
//
// `key` is the hash of all that decides the outcome and is no Dependency: the program that computes, its arguments, its working
// directory.
class Memo {
 public:
  explicit Memo(Store store) : store_(std::move(store)) {}

  std::optional<Outcome> recall(const Hash128& key) const;
  // The same with what the outcome depends on, for a computation that uses it and is remembered itself.
  struct Recalled {
    Content content;
    Entry entry;  // whose text lies in `content`
  };
  std::optional<Recalled> recall_entry(const Hash128& key) const;

  // `began_ns` is the time, since 1970, when nothing had been looked at yet. Nothing is remembered if a change might go unnoticed.
  void remember(const Hash128& key, const Outcome& outcome, const DependencyRecord& record,
                std::uint64_t began_ns) const;

  // A file that changed less than this before the computation began may change again and have the same time stamp: some file systems count in
  // steps of two seconds.
  static constexpr std::uint64_t kTick = 2'000'000'000;  // ns

 private:
  Store store_;
};

}  // namespace allocs::memo
