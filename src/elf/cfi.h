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
inline constexpr char kRegisterNames[kRegisterCount][4] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                           "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                           "r12", "r13", "r14", "r15", "rip"};

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

// One record of .eh_frame: `bytes` follow the length field and `at` is their address.
struct FrameRecord {
  const std::byte* bytes = nullptr;
  std::size_t size = 0;
  Address at{};
};

// One row of the table that the instructions describe: how to find the CFA, and from it the caller's registers. Large and
// made for every frame of an uncached walk, so nothing in it is cleared that a bit says is not there.
struct UnwindRow {
  std::int64_t cfa_offset;
  Expression cfa_expression;  // if cfa_is_expression
  bool cfa_is_expression;
  std::uint8_t cfa_register;  // unless cfa_is_expression
  std::uint32_t
      specified;  // one bit a register: the rest are Saved::unspecified, and without meaning below
  std::uint32_t
      in_common_entry;  // one bit a register: which of the two records its expression lies in
  std::array<Saved, kRegisterCount> how;
  std::array<std::int32_t, kRegisterCount>
      where;  // offset; register; or where the expression's length is in its record

  UnwindRow() {}  // not `= default`: nothing is to be cleared

  bool specifies(unsigned which) const { return (specified >> which & 1) != 0; }
  Saved how_saved(unsigned which) const {
    return specifies(which) ? how[which] : Saved::unspecified;
  }
};

// Everything the call frame information says about one pc.
struct UnwindRule : UnwindRow {
  AddressRange function;  // that the record covers
  bool is_signal_frame;
  std::uint8_t return_register;
  FrameRecord common_entry;
  FrameRecord function_entry;

  // For a register whose value is at, or is, that of an expression.
  Expression expression_of(unsigned which) const;
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
