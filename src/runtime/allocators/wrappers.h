// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.h"
#include "runt/rule_cache.h"
#include "runtime/allocators/state.h"
#include "runtime/index/records.h"

// Allocation wrappers: functions that call malloc for somebody who decides what the block is. `new T` calls operator new, which
// calls malloc; the return address that malloc sees is the same for every `new` of the program. The site of such a block
// is the return address in the first caller that is not a wrapper.
//
// Whether a place is in a wrapper is found out once, when its site is recorded: the place must lie in one of the known functions (src/declarations/libraries.allocs),
// or the object's metadata must say so of the site (xmalloc and the like of the program), and the place's unwind rule must have the
// common form (PackedRule). The site's slot in the cache then holds the rule instead of
// cells, under an address that no caller has (kInWrapper). So a hook that finds its caller in the cache pays nothing for this; one
// that does not tries again with the bit, and reads the next return address from the stack.
//
// An operator new of the executable may also ask for a chunk to cut pieces off: where the metadata says that the size is constant, it is no wrapper.
//
// Metadata may arrive later than the site (reconsider_sites in site_recorder.h).
//
// A hook that steps out needs to know where its own frame is, and what rbp was: it has a frame pointer, or was jumped to
// by a function that has neither moved the stack pointer nor touched rbp (Call).
//
// An operator new of the executable counts if it is in the dynamic symbol table, which it is as a rule: libstdc++ refers to it.
//
// Cost: 3 ns a level, for blocks from wrappers only.
namespace allocs::allocators {

// In SiteSlot::return_address: `cells` is a PackedRule.
inline constexpr std::uint64_t kInWrapper = std::uint64_t{1} << 63;
inline constexpr int kMaximumWrappers =
    8;  // operator new[](nothrow), operator new[], operator new, and some of the program's

// The rule by which to leave the wrapper that `return_address` lies in. Absent: it is not in one, or the rule is of another form.
// Context: hook.
std::optional<runt::PackedRule> wrapper_rule_at(Address return_address,
                                                index::ModuleRecord& module);

// What the metadata of `module` says of the site at link address `offset`, as far as it may be had inside a hook. Not defined in this part,
// which knows nothing of metadata: the library that is linked has it. Context: hook.
bool is_wrapper_site(index::ModuleRecord& module, std::uint64_t offset);
// Likewise: whether the code there asks for as many bytes as it always does, on nobody's behalf. Context: hook.
bool is_site_of_constant(index::ModuleRecord& module, std::uint64_t offset);

// A call of a hook: where it returns to, and the state of the stack from which outer calls can be found.
struct Call {
  const void* return_address;
  std::uint64_t cfa;  // 0: not known
  std::uint64_t rbp;
};

// The call of the function that this stands in, which thereby gets a frame pointer.
[[gnu::always_inline]] inline Call this_call() {
  const auto* const frame = static_cast<const std::uint64_t*>(__builtin_frame_address(0));
  return {__builtin_return_address(0), reinterpret_cast<std::uint64_t>(frame + 2), frame[0]};
}
// The call of a hook with that return address, if the hook jumped to the function that this stands in.
[[gnu::always_inline]] inline Call this_call(const void* return_address) {
  Call call = this_call();
  if (call.return_address != return_address) [[unlikely]]
    call = {return_address, 0, 0};
  return call;
}

// From a call in a wrapper to the call of the wrapper. False, and nothing changed: cannot tell.
[[gnu::always_inline]] inline bool step_out(Call& call, runt::PackedRule rule) {
  constexpr std::uint64_t kLargestFrame = 4096;  // a wrapper's; rbp is believed as far
  if (call.cfa == 0) return false;
  if (rule.base_is_rbp() && call.rbp - call.cfa > kLargestFrame) return false;
  const std::uint64_t cfa = (rule.base_is_rbp() ? call.rbp : call.cfa) + rule.cfa_offset();
  const auto* const words = reinterpret_cast<const std::uint64_t*>(cfa);
  call.return_address = reinterpret_cast<const void*>(words[-1]);
  if (rule.rbp_offset() != 0) call.rbp = *(words - rule.rbp_offset() / 8);
  call.cfa = cfa;
  return true;
}

}  // namespace allocs::allocators
