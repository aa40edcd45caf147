// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runtime/allocators/module_frames.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"
#include "runtime/self/made_code.h"

namespace allocs::self {

// The unwind rules of loaded objects, and, where the kernel may be asked, those of code that the program made: these do not last.
class KnownRules {
 public:
  explicit KnownRules(bool may_ask_kernel) : may_ask_kernel_(may_ask_kernel) {}

  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    const auto section = allocators::KnownEhFrames{}.eh_frame_of(pc);
    last_is_lasting_ = section.has_value();
    if (section) return elf::find_unwind_rule(TrustedMemory{}, *section, pc);
    if (index::module_at(TrustedMemory{}, allocators::g_root, pc)) return std::nullopt;
    are_lasting_ = false;
    return may_ask_kernel_ ? rule_of_made_code(pc) : std::nullopt;
  }
  bool last_is_lasting() const { return last_is_lasting_; }
  // No code was met that is in no loaded object.
  bool are_lasting() const { return are_lasting_; }

 private:
  bool may_ask_kernel_;
  mutable bool last_is_lasting_ = true, are_lasting_ = true;
};

}  // namespace allocs::self
