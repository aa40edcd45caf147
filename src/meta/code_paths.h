// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "meta/linkage.h"
#include "meta/machine_code.h"
#include "meta/object_file.h"

namespace allocs::meta {

// The instructions of one contiguous piece of code and the ways between them.
class CodePaths {
 public:
  // `room`: memory for the instructions, from take_code() of another.
  CodePaths(const ElfFile& object, const Linkage& linkage, std::uint64_t low, std::uint64_t high,
            std::vector<Instruction> room = {});

  const std::vector<Instruction>& code() const { return code_; }
  // After this nothing else may be asked.
  std::vector<Instruction> take_code() { return std::move(code_); }
  // The instruction that starts at `address`.
  std::optional<std::size_t> index_of(std::uint64_t address) const;
  // The jumps, branches and returns, in order.
  const std::vector<std::uint32_t>& turns() const { return turns_; }
  // Where other code of the piece jumps to, in order.
  const std::vector<std::size_t>& targets() const { return targets_; }
  // Where the jump or branch at `index` leads; nothing if that is no fixed place in this piece.
  std::optional<std::size_t> target_of(std::size_t index) const {
    const std::uint32_t target = target_of_[index];
    return target == kOutside ? std::nullopt : std::optional<std::size_t>{target};
  }
  // Where the indirect jumps of this piece may go, as far as the tables tell.
  const std::vector<std::size_t>& table_targets() const { return table_targets_; }
  // Calls visit(index) for each place in this piece to which the jump or branch at `index` may lead.
  template <typename Visit>
  void for_each_target_of(std::size_t index, Visit visit) const {
    if (target_of_[index] != kOutside) {
      visit(std::size_t{target_of_[index]});
    } else if (!code_[index].first.is_immediate()) {
      for (const std::size_t entry : table_targets_) visit(entry);
    }
  }
  // Whether control never gets from the instruction to the next.
  bool ends_way(const Instruction& instruction) const;

 private:
  static constexpr std::uint32_t kOutside = ~std::uint32_t{0};

  void read_jump_tables(const ElfFile& object);
  void read_jump_table(const ElfFile& object, std::uint64_t table);

  const Linkage& linkage_;
  std::uint64_t low_, high_;
  std::vector<Instruction> code_;
  std::vector<std::uint32_t> target_of_;  // of each instruction
  std::vector<std::uint32_t> turns_;
  std::vector<std::size_t> targets_;
  std::vector<std::size_t> table_targets_;
};

// Functions of libc and of the C++ run time that never return to their caller.
bool never_returns(std::string_view function);
// Functions of libc that return once more, to a frame that was written to since.
bool returns_again(std::string_view function);

}  // namespace allocs::meta
