// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "types/write/source_types.h"

namespace allocs::meta {

// Members that point to functions which, as far as their type says, only read what one of their arguments, a `const void *`, points to: they
// are told behind it how many bytes, in a number as wide as a size_t, as `write` is; they return nothing, a number or an address; they are told
// no function to call; and no argument leads to a pointer, or to a number in which an address may be kept, that they could write to.
class ReadingMembers {
 public:
  ReadingMembers() = default;
  // `index_of`: what the nodes of `source` have become. Nothing is kept of either.
  ReadingMembers(const types::SourceTypes& source, std::span<const types::TypeIndex> index_of,
                 const types::StringPool& strings);

  // Whether that is so of argument `n` of what the member at `offset` of `structure` points to, in all its declarations.
  bool only_reads(types::TypeIndex structure, std::int64_t offset, int n) const;
  // ... which then may return the address, or a part of it.
  bool may_return_address(types::TypeIndex structure, std::int64_t offset) const;

 private:
  struct Member {
    std::uint32_t arguments = 0;  // bit n
    bool may_return_address = false;
  };
  std::map<std::pair<types::TypeIndex, std::int64_t>, Member> members_;
};

}  // namespace allocs::meta
