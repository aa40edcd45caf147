// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "meta/linkage.h"
#include "meta/machine_code.h"
#include "meta/object_file.h"

namespace allocs::meta {

// Bytes [low, high) of code.
struct CodePiece {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

// The instructions of a function, those of its cold part behind the others, and the ways between them.
class CodePaths {
 public:
  CodePaths(const ElfFile& object, const Linkage& linkage, std::uint64_t low, std::uint64_t high,
            CodePiece cold = {});

  const std::vector<Instruction>& code() const { return code_; }
  // The instruction that starts at `address`.
  std::optional<std::size_t> index_of(std::uint64_t address) const;
  // Whether the cold part begins there: control does not come from the instruction in front of it.
  bool begins_piece(std::size_t index) const { return index == first_cold_ && index != 0; }
  // Whether other code of the piece jumps to the instruction.
  bool is_target(std::size_t index) const { return is_target_[index]; }
  void add_target(std::size_t index) { is_target_[index] = true; }
  // Where the indirect jumps of this piece may go, as far as the tables tell.
  const std::vector<std::size_t>& table_targets() const { return table_targets_; }
  // Whether control never gets from the instruction to the next.
  bool ends_way(const Instruction& instruction) const;

 private:
  void read_jump_table(const ElfFile& object, std::uint64_t table);

  const Linkage& linkage_;
  std::uint64_t low_, high_;
  std::vector<Instruction> code_;
  std::size_t first_cold_ = 0;  // in `code_`; its size if there is no cold part
  std::vector<bool> is_target_;
  std::vector<std::size_t> table_targets_;
};

// The part of the function at [low, high) that its compiler put aside (NAME.cold), as far as the function jumps there; empty if there is none.
CodePiece cold_part(const ElfFile& object, const Linkage& linkage, std::uint64_t low,
                    std::uint64_t high);

// Functions of libc and of the C++ run time that never return to their caller.
bool never_returns(std::string_view function);

}  // namespace allocs::meta
