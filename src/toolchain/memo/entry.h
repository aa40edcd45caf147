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

// An outcome that is remembered: it holds as long as `state_of(dependencies) == state`. The text is somebody else's: it may be megabytes, and is
// not copied.
struct Entry {
  Hash128 key;  // of all that the outcome depends on and that is no Dependency
  Hash128 state;
  std::vector<Dependency> dependencies;  // sorted
  bool has_succeeded = false;
  std::string_view text;  // of the outcome
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Entries as bytes. Little-endian; numbers without a size are ULEB128:
//
//     "ALSMEMO" and the format's number, 8 bytes    kFormat
//     Hash128                                       of all that follows
//     Hash128                                       key
//     Hash128                                       state
//     byte                                          1: has_succeeded
//     number                                        of dependencies, then of each
//       byte, number, number, bytes                 kind; how many bytes of the last name this one begins with; how many more; those
//     number                                        of bytes of the text
//     bytes 0                                       until the next multiple of kTextAlignment
//     bytes                                         text
//     byte 0
//
// decode() believes nothing of what it is given. Nothing, if it is no entry, or of another format. The text lies in `bytes`, with a 0 behind it.
inline constexpr std::size_t kTextAlignment = 16;
std::string encode(const Entry& entry);
std::optional<Entry> decode(std::string_view bytes);

// Of the bytes behind it in an entry.
Hash128 sum_of(std::string_view bytes);

}  // namespace allocs::memo
