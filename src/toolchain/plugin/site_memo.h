// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "toolchain/memo/memo.h"

namespace allocs::plugin {

// Remembers, in the user's cache, what this program has made of a command: the text of the site list, or that clang does not understand the
// source. See docs/decisions/21_site_lists_are_remembered.md.
class SiteMemo {
 public:
  // `command` is clang's, with the source; before anything is read for it. Remembers nothing, if ALLOCSCC_MEMO is "never" in the environment
  // or the outcome may depend on this very machine.
  explicit SiteMemo(std::span<const char* const> command);

  std::optional<memo::Outcome> recall() const;
  void remember(memo::Outcome outcome, const memo::DependencyRecord& record) const;

 private:
  std::optional<memo::Memo> memo_;
  Hash128 key_;
  std::uint64_t declared_ = 0;  // hash of what users declare of functions, which is part of the key
  std::uint64_t began_ns_ = 0;
};

}  // namespace allocs::plugin
