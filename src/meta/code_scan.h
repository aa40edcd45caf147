// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meta/linkage.h"
#include "meta/object_file.h"

namespace allocs::meta {

// A direct call, or a jump that leaves the function it is in.
struct CodeCall {
  std::uint64_t at = 0;
  std::uint64_t return_address = 0;  // 0 for a jump
  std::uint64_t target = 0;          // as written: perhaps a stub
};

// An instruction that mentions a word of the global offset table (or any other word that the loader fills in).
struct SlotUse {
  std::uint64_t at = 0;
  std::uint64_t return_address = 0;  // 0 if it is not a call
  std::uint64_t slot = 0;
};

// A call through a register or through memory that is no such word.
struct IndirectCall {
  std::uint64_t at = 0;
  std::uint64_t return_address = 0;
  bool gives_address = false;  // all of rax is looked at soon after
};

// How much the code that takes an address copies from there.
inline constexpr std::uint64_t kNothingCopied = 0;
inline constexpr std::uint64_t kUnknownCopied = ~std::uint64_t{0};

// An instruction that takes the address of data, as opposed to reading the data.
struct AddressTaken {
  std::uint64_t at = 0;
  std::uint64_t target = 0;
  std::uint64_t copied =
      kNothingCopied;     // bytes that a memcpy or rep movs soon after takes from the target
  bool is_table = false;  // the target is indexed in steps of 2, 4 or 8 bytes soon after
};

// An instruction that reads data at a place of its own, where no register says where.
struct DataRead {
  std::uint64_t target = 0;
  std::uint8_t size =
      0;  // of what is read, if that is a whole constant of floating-point or vector arithmetic; else 0
  bool is_number = false;  // one float or double
};

struct CodeScan {
  std::vector<CodeCall> calls;               // by address
  std::vector<SlotUse> slot_uses;            // by address
  std::vector<IndirectCall> indirect_calls;  // by address
  std::vector<std::uint64_t>
      indirect_jumps;  // by address; through a register, or a word among several
  std::vector<std::uint64_t>
      jumps_through_memory;  // those of them that read one word at a distance from a register, and those that read one at a place of its own
  std::vector<std::uint64_t> returns;          // by address
  std::vector<DataRead> reads;                 // by address of the instruction
  std::vector<AddressTaken> references;        // by address of the instruction; of data only
  std::vector<std::uint64_t> functions_taken;  // functions whose address is taken, each time
  std::uint64_t instructions = 0;
};

// One quick pass over all code of the object. `function_starts` (sorted) is where decoding starts afresh whatever went before.
CodeScan scan_code(const ElfFile& object, const Linkage& linkage,
                   std::span<const std::uint64_t> function_starts);

}  // namespace allocs::meta
