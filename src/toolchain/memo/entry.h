// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "toolchain/memo/dependencies.h"

namespace allocs::memo {

// What came out of a computation.
struct Outcome {
  bool has_succeeded = false;
  std::string text;  // empty if it has not
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// An outcome that is remembered: it holds as long as `state_of(dependencies) == state`.
struct Entry {
  Hash128 key;  // of all that the outcome depends on and that is no Dependency
  Hash128 state;
  std::vector<Dependency> dependencies;  // sorted
  Outcome outcome;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Entries as bytes. Little-endian; numbers without a size are ULEB128:
//
//     "ALSMEMO" and the format's number, 8 bytes    kFormat
//     Hash128                                       of all that follows
//     Hash128                                       key
//     Hash128                                       state
//     byte                                          1: has_succeeded
//     number, bytes                                 text
//     number                                        of dependencies, then of each
//       byte, number, number, bytes                 kind; how many bytes of the last name this one begins with; how many more; those
//
// decode() believes nothing of what it is given. Nothing, if it is no entry, or of another format.
std::string encode(const Entry& entry);
std::optional<Entry> decode(std::string_view bytes);

}  // namespace allocs::memo
