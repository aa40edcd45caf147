// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace allocs::plugin {

// The directory `name` in the user's cache. Empty if nothing is to be remembered: the user has no cache, or ALLOCSCC_MEMO is "never" in the
// environment.
std::string memo_directory(std::string_view name);

// Of what decides an outcome and is not taken down while it is computed: this program, the working directory, `declared` (the hash of what
// users declare of functions), and `words`, which are clang's command and whatever else. Nothing, if something decides it that is not known here.
std::optional<Hash128> memo_key(std::span<const std::string_view> words, std::uint64_t declared);

// Since 1970.
std::uint64_t now_ns();

}  // namespace allocs::plugin
