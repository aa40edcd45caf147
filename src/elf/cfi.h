// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/address.h"

// Call frame information: from the two records of .eh_frame that describe a function to the rule that finds its caller's
// registers. (DWARF 5 section 6.4; LSB core "Exception Frames"; register numbers of the x86-64 psABI.)
namespace allocs::elf {

// DWARF numbers of the x86-64 registers that unwinding knows.
enum Register : std::uint8_t {
  kRax,
  kRdx,
  kRcx,
  kRbx,
  kRsi,
  kRdi,
  kRbp,
  kRsp,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15,
  kRip,
  kRegisterCount,
};

// Bytes of a DWARF expression, in the views from which the rule was made; they live as long as the memory.
struct Expression {
  const std::byte* bytes = nullptr;
  std::size_t size = 0;
};

// How to find the caller's value of one register.
enum class Saved : std::uint8_t {
  unspecified,    // nothing said: a callee-saved register still has it, any other has lost it
  same,           // unchanged, explicitly
  undefined,      // lost; for the return address: there is no caller
  at_cfa_offset,  // in memory at CFA + offset
  is_cfa_offset,  // CFA + offset itself
  in_register,    // in register `offset`
  at_expression,  // in memory at the expression's value (the CFA is pushed first)
  is_expression,  // the expression's value itself
};

struct SavedRegister {
  Saved how = Saved::unspecified;
  bool from_common_entry = false;  // which record the expression lies in
  std::uint16_t size = 0;          // of the expression
  std::int32_t offset = 0;         // or, for an expression, where it begins in its record
};
static_assert(sizeof(SavedRegister) == 8);

// One row of the table that the instructions describe: how to find the CFA, and from it the caller's registers.
struct UnwindRow {
  std::int64_t cfa_offset = 0;
  Expression cfa_expression{};
  bool cfa_is_expression = false;
  std::uint8_t cfa_register = kRsp;  // unless cfa_is_expression
  std::array<SavedRegister, kRegisterCount> saved{};
};

// Everything the call frame information says about one pc.
struct UnwindRule : UnwindRow {
  AddressRange function{};  // that the record covers
  bool is_signal_frame = false;
  std::uint8_t return_register = kRip;
  const std::byte* common_entry = nullptr;
  const std::byte* function_entry = nullptr;

  Expression expression_of(Register which) const {
    const SavedRegister& rule = saved[which];
    return {(rule.from_common_entry ? common_entry : function_entry) + rule.offset, rule.size};
  }
};

// One record of .eh_frame: `bytes` follow the length field and `at` is their address.
struct FrameRecord {
  const std::byte* bytes = nullptr;
  std::size_t size = 0;
  Address at{};
};

// What the head of a CIE says.
struct CommonEntry {
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint8_t return_register = kRip;
  std::uint8_t pointer_encoding = 0;  // DW_EH_PE_*, for the addresses in its FDEs
  bool has_augmentation_data = false;
  bool is_signal_frame = false;
  std::size_t instructions = 0;  // offset in the record
};

// Absent for damage and for augmentations that are not understood. Context: signal.
std::optional<CommonEntry> read_common_entry(const FrameRecord& record);

// The code that an FDE covers. Context: signal.
std::optional<AddressRange> read_function_range(const CommonEntry& common,
                                                const FrameRecord& function);

// The rule for `pc`, absent when the records do not cover it, are damaged, or use what x86-64 code does not.
// Time and stack are bounded by the records' sizes. Context: signal.
std::optional<UnwindRule> unwind_rule_of(const FrameRecord& common, const FrameRecord& function,
                                         Address pc);

}  // namespace allocs::elf
