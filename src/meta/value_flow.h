// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "meta/linkage.h"
#include "meta/values.h"

namespace allocs::meta {

// The canonical frame address is the content of a register plus an offset.
struct FrameRule {
  Register base = Register::none;
  std::int64_t offset = 0;
};
using FrameRuleAt = std::function<std::optional<FrameRule>(std::uint64_t pc)>;

struct CallFact {
  std::uint64_t at = 0;
  std::uint64_t return_address =
      0;          // 0: a jump that ends the function, so that its caller gets the result
  Callee callee;  // not known: a call or jump through a pointer
  AtomId result = kConstant;
  std::array<Value, 6> arguments{};  // in the registers that hold arguments
};

// During [low, high()) a register holds `value`, which may be a call's result or an address at some distance from one.
struct HoldFact {
  Value value;
  std::uint64_t low = 0;
  std::uint32_t length = 0;  // bytes of code
  Register gpr = Register::none;

  std::uint64_t high() const { return low + length; }
};

// Eight bytes are written. `value` may be a call's result or an address at some distance from one, or an address that is written
// where a call's result points.
struct StoreFact {
  Access access;
  std::uint64_t after = 0;  // pc of the next instruction
  Value value;
};

// Memory is read or written through a value that may be a call's result or an address at some distance from one.
struct UseFact {
  Value address;
  std::uint8_t size = 0;      // bytes
  bool is_block = false;      // in a vector register, as memory is copied, whatever lies in it
  bool is_at_number = false;  // at a fixed distance from the address, as members are
};

// Bytes of the frame, `offset` from the canonical frame address.
struct FrameBytes {
  std::int64_t offset = 0;
  std::uint8_t size = 0;
};

// A value is kept in the frame, `offset` from the canonical frame address; `after` is where control is then.
struct KeptFact {
  AtomId value = kConstant;
  std::int64_t offset = 0;
  std::uint64_t after = 0;
};

// What one contiguous piece of a function does with what calls return.
struct FunctionFlow {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  AtomTable atoms;
  std::vector<CallFact> calls;  // by address
  std::vector<HoldFact> holds;
  std::vector<StoreFact> stores;
  std::vector<UseFact> uses;
  std::vector<KeptFact> kept_in_frame;  // by value, then by address
  std::vector<FrameBytes> frame_reads;  // what the function itself reads, but by pop
  std::vector<std::int64_t>
      frame_addresses;  // places whose address was in a register: others may read from there on
  std::vector<Value> returns;         // rax where the function returns
  std::vector<Value> second_returns;  // rdx there: the second half of a structure
  // What goes where it is not followed: to memory or to a vector register by an instruction that does more than
  // move, or into code that only this function jumps to (its cold part).
  std::vector<Value> escapes;
  std::vector<Access> blind_reads;  // what such instructions read, and vector registers
  bool has_way_out =
      false;  // control may leave for code that is not looked at: a cold part, or a function on a condition
  bool has_cut_choices = false;  // of more than kMostSources: what some values may be is not known
  bool is_complete =
      true;  // false: there are ways through the code that were not found; trust no constant
};

struct FunctionCode {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool is_entry = true;  // false: a piece that other code jumps to, or an unknown one
};

class CallClobbers;

// Whose holds, stores and uses are written down: of what calls return, or of what is loaded from memory and of arguments as well.
enum class Origins : std::uint8_t { calls, all };

// Follows every value through the code at [code.low, code.high).
// `clobbers`: what calls leave in registers; nullptr: nothing but what the calling convention says.
FunctionFlow follow_values(const ElfFile& object, const Linkage& linkage, const FunctionCode& code,
                           const FrameRuleAt& frame_rule, CallClobbers* clobbers,
                           Origins origins = Origins::calls);

}  // namespace allocs::meta
