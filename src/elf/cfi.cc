// SPDX-License-Identifier: Apache-2.0
#include "elf/cfi.h"

#include "base/byte_reader.h"
#include "base/every_process.h"
#include "elf/eh_pointer.h"

// The instructions of a CIE and then of an FDE are a small program that writes a table: for every pc of the function, how
// to find the CFA and the caller's registers. Most instructions change the current row; an "advance" ends it. The program
// runs until the row that holds for the wanted pc is complete. Example, with the row after each instruction:
//
//     def_cfa rsp+8; offset rip at cfa-8     (CIE)      rsp+8
//     advance 1; def_cfa_offset 16                      rsp+16           after push rbp
//     offset rbp at cfa-16                              rsp+16 rbp@-16
//     advance 3; def_cfa_register rbp                   rbp+16 rbp@-16   after mov rsp, rbp
//
// Every byte is read through a bounded reader and no instruction jumps, so a program ends within its length. Rows on the
// remember stack are kept by value: ten of them, about 1.3 KB, are all the memory used. Compilers nest them once,
// hand-written assembler twice.
namespace allocs::elf {
namespace {

constexpr unsigned kRememberDepth = 8;

// The high two bits of an instruction, or else the whole byte (DW_CFA_*).
enum Instruction : std::uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xC0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0A,
  kRestoreState = 0x0B,
  kDefCfa = 0x0C,
  kDefCfaRegister = 0x0D,
  kDefCfaOffset = 0x0E,
  kDefCfaExpression = 0x0F,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGnuArgsSize = 0x2E,
  kGnuNegativeOffsetExtended = 0x2F,
};

// The rule for a register number that the row has no place for is dropped: vector registers of other conventions.
// Arithmetic on operands is unsigned: they are not believed, and a sum that wraps is as good as any other wrong one.
class RowProgram {
 public:
  RowProgram(const CommonEntry& common, Address pc, UnwindRow& row)
      : common_(common), pc_(raw(pc)), row_(row) {}

  bool run_common(const FrameRecord& record) {
    row_.cfa_offset = 0;
    row_.cfa_register = kRsp;
    row_.cfa_is_expression = false;
    row_.specified = row_.in_common_entry = 0;
    is_common_ = true;
    if (!run(record, common_.instructions)) return false;
    initial_ = row_;
    is_common_ = false;
    return true;
  }
  bool run_function(const FrameRecord& record, std::size_t instructions, Address begin) {
    location_ = raw(begin);
    return run(record, instructions);
  }

 private:
  // The instructions of nearly all code stand here, so that the reader and the location stay in registers; the others
  // follow below. A reader that has failed is at its end.
  [[ALLOCS_EVERY_PROCESS]] bool run(const FrameRecord& record, std::size_t begin) {
    ByteReader reader{record.bytes + begin, record.size - begin};
    std::uint64_t location = location_;
    while (!reader.at_end()) {
      const auto byte = reader.read<std::uint8_t>();
      const unsigned operand = byte & 0x3F;
      if ((byte & 0xC0) == kOffset) {
        if (!save(operand, Saved::at_cfa_offset, scaled(reader.read_uleb()))) return false;
        continue;
      }
      std::uint64_t delta = operand;
      if ((byte & 0xC0) != kAdvanceLoc) {
        bool understood = true;
        switch ((byte & 0xC0) != 0 ? std::uint8_t{kRestore} : byte) {
          case kNop:
            continue;
          case kDefCfaOffset:
            row_.cfa_offset = static_cast<std::int64_t>(reader.read_uleb());
            continue;
          case kDefCfaRegister:
            understood = define_cfa_register(reader.read_uleb());
            break;
          case kDefCfa:
            understood = define_cfa_register(reader.read_uleb());
            row_.cfa_offset = static_cast<std::int64_t>(reader.read_uleb());
            break;
          case kRestore:
            understood = restore(operand);
            break;
          case kRememberState:
            understood = remember();
            break;
          case kRestoreState:
            understood = recall();
            break;
          case kAdvanceLoc1:
            delta = reader.read<std::uint8_t>();
            goto advance;
          case kAdvanceLoc2:
            delta = reader.read<std::uint16_t>();
            goto advance;
          case kAdvanceLoc4:
            delta = reader.read<std::uint32_t>();
            goto advance;
          case kSetLoc: {
            const std::uint64_t here = raw(record.at) + (record.size - reader.remaining());
            const auto target = read_eh_pointer(reader, common_.pointer_encoding, here, 0);
            if (!target) return false;
            location = *target;
            delta = 0;
            goto advance;
          }
          default: {
            ByteReader rest = reader;
            understood = run_rare(byte, rest, record);
            reader = rest;
          }
        }
        if (!understood) return false;
        continue;
      }
    advance:
      location += delta * common_.code_alignment;
      if (is_common_) return false;
      if (location > pc_) break;
    }
    return reader.ok();
  }

  [[gnu::noinline]] bool run_rare(std::uint8_t instruction, ByteReader& reader,
                                  const FrameRecord& record) {
    if (instruction == kDefCfaExpression) return define_cfa_expression(reader);
    if (instruction == kDefCfaOffsetSf) {
      row_.cfa_offset = scaled(signed_operand(reader));
      return true;
    }
    const std::uint64_t first =
        reader.read_uleb();  // all others begin with one: a register, but for args_size
    switch (instruction) {
      case kOffsetExtended:
        return save(first, Saved::at_cfa_offset, scaled(reader.read_uleb()));
      case kOffsetExtendedSf:
        return save(first, Saved::at_cfa_offset, scaled(signed_operand(reader)));
      case kGnuNegativeOffsetExtended:
        return save(first, Saved::at_cfa_offset, scaled(0 - reader.read_uleb()));
      case kValOffset:
        return save(first, Saved::is_cfa_offset, scaled(reader.read_uleb()));
      case kValOffsetSf:
        return save(first, Saved::is_cfa_offset, scaled(signed_operand(reader)));
      case kRestoreExtended:
        return restore(first);
      case kUndefined:
        return save(first, Saved::undefined, 0);
      case kSameValue:
        return save(first, Saved::same, 0);
      case kRegister:
        return save_in_register(first, reader.read_uleb());
      case kExpression:
        return save_expression(first, Saved::at_expression, reader, record);
      case kValExpression:
        return save_expression(first, Saved::is_expression, reader, record);
      case kDefCfaSf:
        row_.cfa_offset = scaled(signed_operand(reader));
        return define_cfa_register(first);
      case kGnuArgsSize:
        return true;
      default:
        return false;
    }
  }

  std::int64_t scaled(std::uint64_t factor) const {
    return static_cast<std::int64_t>(factor * static_cast<std::uint64_t>(common_.data_alignment));
  }
  static std::uint64_t signed_operand(ByteReader& reader) {
    return static_cast<std::uint64_t>(reader.read_sleb());
  }

  bool save(std::uint64_t which, Saved how, std::int64_t where) {
    if (which >= kRegisterCount) return true;
    row_.specified |= 1u << which;
    row_.how[which] = how;
    row_.where[which] = static_cast<std::int32_t>(where);
    return where == static_cast<std::int32_t>(where);
  }
  bool save_in_register(std::uint64_t which, std::uint64_t from) {
    return from < kRegisterCount ? save(which, Saved::in_register, static_cast<std::int64_t>(from))
                                 : save(which, Saved::undefined, 0);
  }
  bool save_expression(std::uint64_t which, Saved how, ByteReader& reader,
                       const FrameRecord& record) {
    const std::size_t where = record.size - reader.remaining();
    reader.skip(reader.read_uleb());
    if (which >= kRegisterCount) return true;
    row_.in_common_entry = (row_.in_common_entry & ~(1u << which)) | (is_common_ ? 1u << which : 0);
    return save(which, how, static_cast<std::int64_t>(where));
  }
  bool restore(std::uint64_t which) {
    if (is_common_ || which >= kRegisterCount) return !is_common_;
    const std::uint32_t bit = 1u << which;
    row_.specified = (row_.specified & ~bit) | (initial_.specified & bit);
    row_.in_common_entry |= bit;  // if it is an expression
    row_.how[which] = initial_.how[which];
    row_.where[which] = initial_.where[which];
    return true;
  }

  bool remember() {
    if (depth_ == kRememberDepth) return false;
    remembered_[depth_++] = row_;
    return true;
  }
  bool recall() {
    if (depth_ == 0) return false;
    row_ = remembered_[--depth_];
    return true;
  }

  bool define_cfa_register(std::uint64_t which) {
    row_.cfa_is_expression = false;
    row_.cfa_register = static_cast<std::uint8_t>(which);
    return which < kRegisterCount;
  }
  bool define_cfa_expression(ByteReader& reader) {
    const std::uint64_t size = reader.read_uleb();
    row_.cfa_is_expression = true;
    row_.cfa_expression = {reader.position(), static_cast<std::size_t>(size)};
    reader.skip(size);
    return true;
  }

  const CommonEntry& common_;
  const std::uint64_t pc_;
  UnwindRow& row_;
  std::uint64_t location_ = 0;
  bool is_common_ = false;
  unsigned depth_ = 0;
  UnwindRow initial_;
  std::array<UnwindRow, kRememberDepth> remembered_;
};

// The head of an FDE: the CIE pointer, the code it covers, and where its instructions begin.
struct FunctionEntry {
  AddressRange range;
  std::size_t instructions = 0;
};

[[ALLOCS_EVERY_PROCESS]] std::optional<FunctionEntry> read_function_entry(
    const CommonEntry& common, const FrameRecord& record) {
  ByteReader reader{record.bytes, record.size};
  const auto offset = [&] { return record.size - reader.remaining(); };
  reader.skip(4);
  const auto begin = read_eh_pointer(reader, common.pointer_encoding, raw(record.at) + offset(), 0);
  const auto size = begin ? read_eh_number(reader, common.pointer_encoding) : std::nullopt;
  if (!size || *begin + *size < *begin) return std::nullopt;
  if (common.has_augmentation_data) reader.skip(reader.read_uleb());
  if (!reader.ok()) return std::nullopt;
  return FunctionEntry{{Address{*begin}, Address{*begin + *size}}, offset()};
}

// The letters after 'z' that say what the augmentation data holds.
bool read_augmentation(const char* letters, ByteReader& reader, CommonEntry& entry) {
  for (; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'R':
        entry.pointer_encoding = reader.read<std::uint8_t>();
        break;
      case 'L':
        reader.skip(1);
        break;
      case 'P':
        if (!read_eh_number(reader, reader.read<std::uint8_t>())) return false;
        break;
      case 'S':
        entry.is_signal_frame = true;
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace

Expression UnwindRule::expression_of(unsigned which) const {
  const FrameRecord& record = (in_common_entry >> which & 1) != 0 ? common_entry : function_entry;
  const auto offset = static_cast<std::size_t>(where[which]);
  ByteReader reader{record.bytes + offset,
                    record.size - offset};  // was in bounds when the rule was made
  const std::uint64_t size = reader.read_uleb();
  return {reader.position(), static_cast<std::size_t>(size)};
}

[[ALLOCS_EVERY_PROCESS]] std::optional<CommonEntry> read_common_entry(const FrameRecord& record) {
  ByteReader reader{record.bytes, record.size};
  CommonEntry entry;
  if (reader.read<std::uint32_t>() != 0) return std::nullopt;
  const auto version = reader.read<std::uint8_t>();
  const char* augmentation = reader.read_text();
  if (!reader.ok() || (version != 1 && version != 3)) return std::nullopt;
  entry.code_alignment = reader.read_uleb();
  entry.data_alignment = reader.read_sleb();
  const std::uint64_t return_register =
      version == 1 ? reader.read<std::uint8_t>() : reader.read_uleb();
  if (!reader.ok() || return_register >= kRegisterCount) return std::nullopt;
  entry.return_register = static_cast<std::uint8_t>(return_register);
  if (augmentation[0] == 'z') {
    entry.has_augmentation_data = true;
    const std::uint64_t size = reader.read_uleb();
    ByteReader data{reader.position(), reader.remaining()};
    reader.skip(size);
    if (!reader.ok() || !read_augmentation(augmentation + 1, data, entry)) return std::nullopt;
    if (!data.ok() || data.position() > reader.position()) return std::nullopt;
  } else if (augmentation[0] != '\0') {
    return std::nullopt;
  }
  entry.instructions = record.size - reader.remaining();
  return entry;
}

std::optional<AddressRange> read_function_range(const CommonEntry& common,
                                                const FrameRecord& function) {
  const auto entry = read_function_entry(common, function);
  if (!entry) return std::nullopt;
  return entry->range;
}

[[ALLOCS_EVERY_PROCESS]] std::optional<UnwindRule> unwind_rule_of(
    const FrameRecord& common_record, const FrameRecord& function_record, Address pc) {
  std::optional<UnwindRule> rule;
  const auto common = read_common_entry(common_record);
  if (!common) return rule;
  const auto function = read_function_entry(*common, function_record);
  if (!function || !function->range.contains(pc)) return rule;
  rule.emplace();
  rule->function = function->range;
  rule->is_signal_frame = common->is_signal_frame;
  rule->return_register = common->return_register;
  rule->common_entry = common_record;
  rule->function_entry = function_record;
  RowProgram program{*common, pc, *rule};
  if (!program.run_common(common_record) ||
      !program.run_function(function_record, function->instructions, function->range.begin)) {
    rule.reset();
  }
  return rule;
}

}  // namespace allocs::elf
