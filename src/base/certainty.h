// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace allocs {

// The three different answers to any question about memory. "Nothing there" is a fact; "cannot tell" is the lack of one.
enum class Certainty : std::uint8_t { known, nothing_there, cannot_tell };

}  // namespace allocs
