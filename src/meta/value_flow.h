// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "meta/code_paths.h"
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
  // Of a call through a pointer: where that was read, if it was, and the register that it is in, if it is in one.
  std::optional<Access> pointer = {};
  Register pointer_in = Register::none;
};

// During [low, high) a register holds `value`, which may be a call's result or an address at some distance from one.
struct HoldFact {
  Register gpr = Register::none;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  Value value;
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
  bool is_write = false;
  std::optional<std::int64_t> distance = {};  // from the address; nothing if an index is added
};

// Bytes of the frame, `offset` from the canonical frame address.
struct FrameBytes {
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// Bytes of the frame are written. Of how many, and where, nothing is known if `size` is 0.
struct FrameWrite {
  std::int64_t offset = 0;
  std::uint8_t size = 0;
  std::optional<Value> value = {};  // nothing: of a vector register
};

// Memory is read by an instruction whose result is not followed: `size` bytes from `access` on, or fewer.
struct BlindRead {
  static constexpr std::int64_t kAnyNumber = std::int64_t{1} << 40;
  Access access;
  std::int64_t size = 0;
};

// A value is kept in the frame, `offset` from the canonical frame address; `after` is where control is then.
struct KeptFact {
  std::int64_t offset = 0;
  std::uint64_t after = 0;
};

// What a function, or one contiguous piece of it, does with what calls return.
struct FunctionFlow {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  AtomTable atoms;
  std::vector<CallFact> calls;  // by address
  std::vector<HoldFact> holds;
  std::vector<StoreFact> stores;
  std::vector<UseFact> uses;
  std::unordered_map<AtomId, std::vector<KeptFact>> kept_in_frame;
  std::vector<FrameBytes> frame_reads;  // what the function itself reads, but by pop
  std::vector<std::int64_t>
      frame_addresses;  // places whose address was in a register: others may read from there on
  std::vector<StoreFact> frame_address_stores;      // eight bytes are written with such an address
  std::vector<std::int64_t> frame_address_escapes;  // it goes where it is not followed: see escapes
  std::vector<FrameWrite> frame_writes;
  std::vector<Value> vector_values;   // what vector registers get from general ones
  bool has_vector_loads = false;      // ... or from memory
  std::vector<Value> returns;         // rax where the function returns
  std::vector<Value> second_returns;  // rdx there: the second half of a structure
  // What goes where it is not followed: to memory or to a vector register by an instruction that does more than
  // move, or into code that only this function jumps to (its cold part).
  std::vector<Value> escapes;
  std::vector<BlindRead> blind_reads;  // by such instructions, and by vector registers
  bool has_cut_choices = false;  // of more than kMostSources: what some values may be is not known
  std::vector<Value> cut_sources;  // ... the values that they may be as well
  bool is_complete =
      true;  // false: there are ways through the code that were not found; trust no constant
};

struct FunctionCode {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool is_entry = true;  // false: a piece that other code jumps to, or an unknown one
  CodePiece cold = {};   // of the same function, which jumps there; empty: none, or not followed
};

// Whose holds, stores and uses are written down: of what calls return, or of what is loaded from memory and of arguments as well.
enum class Origins : std::uint8_t { calls, all };

// Follows every value through the code at [code.low, code.high), and through its cold part.
FunctionFlow follow_values(const ElfFile& object, const Linkage& linkage, const FunctionCode& code,
                           const FrameRuleAt& frame_rule, Origins origins = Origins::calls);

}  // namespace allocs::meta
