// SPDX-License-Identifier: Apache-2.0
#include "elf/cfi.h"

#include "base/byte_reader.h"
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
// remember stack are kept by value: nine of them, about 1.6 KB, is all the memory used. Compilers nest them once,
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

class RowProgram {
 public:
  RowProgram(const CommonEntry& common, Address pc, UnwindRule& rule)
      : common_(common), pc_(pc), row_(rule) {}

  bool run_common(const FrameRecord& record) {
    is_common_ = true;
    if (!run(record, common_.instructions)) return false;
    initial_ = row_.saved;
    is_common_ = false;
    return true;
  }
  bool run_function(const FrameRecord& record, std::size_t instructions, Address begin) {
    location_ = raw(begin);
    return run(record, instructions);
  }

 private:
  bool run(const FrameRecord& record, std::size_t begin) {
    record_ = &record;
    reader_ = ByteReader{record.bytes + begin, record.size - begin};
    row_is_complete_ = false;
    while (!reader_.at_end() && !row_is_complete_) {
      const auto byte = reader_.read<std::uint8_t>();
      const std::uint64_t operand = byte & 0x3F;
      bool understood;
      switch (byte & 0xC0) {
        case kAdvanceLoc:
          understood = advance(operand);
          break;
        case kOffset:
          understood = save(operand, Saved::at_cfa_offset, unsigned_offset());
          break;
        case kRestore:
          understood = restore(operand);
          break;
        default:
          understood = run_one(byte);
      }
      if (!understood || !reader_.ok()) return false;
    }
    return true;
  }

  bool run_one(std::uint8_t instruction) {
    switch (instruction) {
      case kNop:
        return true;
      case kSetLoc:
        return set_location();
      case kAdvanceLoc1:
        return advance(reader_.read<std::uint8_t>());
      case kAdvanceLoc2:
        return advance(reader_.read<std::uint16_t>());
      case kAdvanceLoc4:
        return advance(reader_.read<std::uint32_t>());
      case kOffsetExtended:
        return save(reader_.read_uleb(), Saved::at_cfa_offset, [&] { return unsigned_offset(); });
      case kOffsetExtendedSf:
        return save(reader_.read_uleb(), Saved::at_cfa_offset, [&] { return signed_offset(); });
      case kGnuNegativeOffsetExtended:
        return save(reader_.read_uleb(), Saved::at_cfa_offset,
                    [&] { return negate(unsigned_offset()); });
      case kValOffset:
        return save(reader_.read_uleb(), Saved::is_cfa_offset, [&] { return unsigned_offset(); });
      case kValOffsetSf:
        return save(reader_.read_uleb(), Saved::is_cfa_offset, [&] { return signed_offset(); });
      case kRestoreExtended:
        return restore(reader_.read_uleb());
      case kUndefined:
        return save(reader_.read_uleb(), Saved::undefined, 0);
      case kSameValue:
        return save(reader_.read_uleb(), Saved::same, 0);
      case kRegister:
        return save_in_register();
      case kExpression:
        return save_expression(Saved::at_expression);
      case kValExpression:
        return save_expression(Saved::is_expression);
      case kRememberState:
        return remember();
      case kRestoreState:
        return recall();
      case kDefCfa:
        return define_cfa_register() &&
               define_cfa_offset(static_cast<std::int64_t>(reader_.read_uleb()));
      case kDefCfaSf:
        return define_cfa_register() && define_cfa_offset(signed_offset());
      case kDefCfaRegister:
        return define_cfa_register();
      case kDefCfaOffset:
        return define_cfa_offset(static_cast<std::int64_t>(reader_.read_uleb()));
      case kDefCfaOffsetSf:
        return define_cfa_offset(signed_offset());
      case kDefCfaExpression:
        return define_cfa_expression();
      case kGnuArgsSize:
        reader_.read_uleb();
        return true;
      default:
        return false;
    }
  }

  // Unsigned arithmetic: the operands are not believed, and a sum that wraps is as good as any other wrong one.
  std::int64_t scaled(std::uint64_t factor) const {
    return static_cast<std::int64_t>(factor * static_cast<std::uint64_t>(common_.data_alignment));
  }
  std::int64_t unsigned_offset() { return scaled(reader_.read_uleb()); }
  std::int64_t signed_offset() { return scaled(static_cast<std::uint64_t>(reader_.read_sleb())); }
  static std::int64_t negate(std::int64_t value) {
    return static_cast<std::int64_t>(-static_cast<std::uint64_t>(value));
  }

  bool advance(std::uint64_t delta) { return move_to(location_ + delta * common_.code_alignment); }
  bool set_location() {
    const std::uint64_t here =
        raw(record_->at) + static_cast<std::uint64_t>(reader_.position() - record_->bytes);
    const auto location = read_eh_pointer(reader_, common_.pointer_encoding, here, 0);
    return location && move_to(*location);
  }
  bool move_to(std::uint64_t location) {
    if (is_common_) return false;
    location_ = location;
    row_is_complete_ = location_ > raw(pc_);
    return true;
  }

  // Operands must be read in order: the register comes first, then what `offset` reads.
  template <typename Offset>
  bool save(std::uint64_t which, Saved how, Offset offset) {
    std::int64_t value;
    if constexpr (requires { offset(); }) {
      value = offset();
    } else {
      value = offset;
    }
    if (which >= kRegisterCount) return true;  // vector registers of other calling conventions
    if (value != static_cast<std::int32_t>(value)) return false;
    row_.saved[which] = {.how = how, .offset = static_cast<std::int32_t>(value)};
    return true;
  }
  bool save_in_register() {
    const std::uint64_t which = reader_.read_uleb();
    const std::uint64_t from = reader_.read_uleb();
    return from < kRegisterCount ? save(which, Saved::in_register, static_cast<std::int64_t>(from))
                                 : save(which, Saved::undefined, 0);
  }
  bool save_expression(Saved how) {
    const std::uint64_t which = reader_.read_uleb();
    const auto expression = read_expression();
    if (!expression) return false;
    if (which >= kRegisterCount) return true;
    const std::ptrdiff_t offset = expression->bytes - record_->bytes;
    if (expression->size > 0xFFFF || offset != static_cast<std::int32_t>(offset)) return false;
    row_.saved[which] = {.how = how,
                         .from_common_entry = is_common_,
                         .size = static_cast<std::uint16_t>(expression->size),
                         .offset = static_cast<std::int32_t>(offset)};
    return true;
  }
  std::optional<Expression> read_expression() {
    const std::uint64_t size = reader_.read_uleb();
    const std::byte* bytes = reader_.position();
    reader_.skip(size);
    if (!reader_.ok()) return std::nullopt;
    return Expression{bytes, static_cast<std::size_t>(size)};
  }

  bool restore(std::uint64_t which) {
    if (is_common_) return false;
    if (which < kRegisterCount) row_.saved[which] = initial_[which];
    return true;
  }
  bool remember() {
    if (depth_ == kRememberDepth) return false;
    remembered_[depth_++].emplace(row_);
    return true;
  }
  bool recall() {
    if (depth_ == 0) return false;
    row_ = *remembered_[--depth_];
    return true;
  }

  bool define_cfa_register() {
    const std::uint64_t which = reader_.read_uleb();
    if (which >= kRegisterCount) return false;
    row_.cfa_is_expression = false;
    row_.cfa_register = static_cast<std::uint8_t>(which);
    return true;
  }
  bool define_cfa_offset(std::int64_t offset) {
    row_.cfa_offset = offset;
    return true;
  }
  bool define_cfa_expression() {
    const auto expression = read_expression();
    if (!expression) return false;
    row_.cfa_is_expression = true;
    row_.cfa_expression = *expression;
    return true;
  }

  const CommonEntry& common_;
  const Address pc_;
  UnwindRow& row_;
  ByteReader reader_;
  const FrameRecord* record_ = nullptr;
  std::uint64_t location_ = 0;
  bool is_common_ = false;
  bool row_is_complete_ = false;
  unsigned depth_ = 0;
  std::array<SavedRegister, kRegisterCount> initial_;
  std::array<std::optional<UnwindRow>, kRememberDepth> remembered_;
};

// The head of an FDE: the CIE pointer, the code it covers, and where its instructions begin.
struct FunctionEntry {
  AddressRange range;
  std::size_t instructions = 0;
};

std::optional<FunctionEntry> read_function_entry(const CommonEntry& common,
                                                 const FrameRecord& record) {
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

std::optional<CommonEntry> read_common_entry(const FrameRecord& record) {
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

std::optional<UnwindRule> unwind_rule_of(const FrameRecord& common_record,
                                         const FrameRecord& function_record, Address pc) {
  std::optional<UnwindRule> rule;
  const auto common = read_common_entry(common_record);
  if (!common) return rule;
  const auto function = read_function_entry(*common, function_record);
  if (!function || !function->range.contains(pc)) return rule;
  rule.emplace();
  rule->function = function->range;
  rule->is_signal_frame = common->is_signal_frame;
  rule->return_register = common->return_register;
  rule->common_entry = common_record.bytes;
  rule->function_entry = function_record.bytes;
  RowProgram program{*common, pc, *rule};
  if (!program.run_common(common_record) ||
      !program.run_function(function_record, function->instructions, function->range.begin)) {
    rule.reset();
  }
  return rule;
}

}  // namespace allocs::elf
