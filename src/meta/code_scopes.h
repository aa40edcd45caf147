// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "meta/dwarf_facts.h"

namespace allocs::meta {

// Which function's source each instruction comes from: the innermost of the function and all that is inlined in it.
class CodeScopes {
 public:
  explicit CodeScopes(const DwarfFacts& facts);

  // Index in DwarfFacts::scopes; types::kNoRecord where there is none.
  std::uint32_t innermost_at(std::uint64_t pc) const;

 private:
  struct Stretch {  // up to the next one
    std::uint64_t low = 0;
    std::uint32_t scope = types::kNoRecord;
  };
  std::vector<Stretch> stretches_;  // by address
};

}  // namespace allocs::meta
