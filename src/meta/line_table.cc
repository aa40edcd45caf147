// SPDX-License-Identifier: Apache-2.0
#include "meta/line_table.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/byte_reader.h"
#include "meta/line_header.h"

namespace allocs::meta {

namespace {

// Runs line programs and notes for each wanted address the row that covers it.
class LineFinder {
 public:
  LineFinder(const ElfFile& file, std::span<const std::uint64_t> wanted, types::StringPool& strings)
      : file_(file), wanted_(wanted), strings_(strings), found_(wanted.size()) {}

  // `offset` is the header's. Rows are most of what there is to read, so what makes one is done here.
  void run(const DebugSections& sections, const LineHeader& header, std::uint64_t offset) {
    header_ = &header;
    table_ = offset;
    names_.assign(header.files.size(), types::kNoRecord);
    find_advances();
    ByteReader reader{sections.line.data() + header.program, header.end - header.program};
    const Row none{.address = kNoAddress};
    Row row, previous = none;
    const unsigned first_special = header.opcode_base;
    while (!reader.at_end()) {  // where a reader that failed stands, too
      const auto opcode = reader.read<std::uint8_t>();
      if (opcode >= first_special) {
        row.address += advances_[opcode].address;
        row.line += advances_[opcode].line;
      } else {
        switch (opcode) {
          case 0: {
            const Extended operation = extended(reader);
            if (operation.code == DW_LNE_set_discriminator) row.discriminator = operation.operand;
            if (operation.code == DW_LNE_set_address) row.address = operation.operand;
            const bool is_left_out =
                operation.code == DW_LNE_set_address && !file_.is_code(operation.operand);
            if (is_left_out) {
              pass_by_sequence(reader);
            } else if (operation.code == DW_LNE_end_sequence) {
              const bool is_wanted = next_wanted_ < row.address;
              if (is_wanted && previous.address <= row.address) note(previous, row.address);
            } else {
              continue;
            }
            row = {};
            previous = none;
            continue;
          }
          case DW_LNS_copy:
            break;
          case DW_LNS_advance_pc:
            row.address += reader.read_uleb() * header.minimum_length;
            continue;
          case DW_LNS_advance_line:
            row.line += static_cast<std::uint32_t>(reader.read_sleb());
            continue;
          case DW_LNS_set_file:
            row.file = static_cast<std::uint32_t>(reader.read_uleb());
            continue;
          case DW_LNS_set_column:
            row.column = static_cast<std::uint32_t>(reader.read_uleb());
            continue;
          case DW_LNS_negate_stmt:
          case DW_LNS_set_basic_block:
            continue;
          case DW_LNS_const_add_pc:
            row.address += advances_[255].address;
            continue;
          case DW_LNS_fixed_advance_pc:
            row.address += reader.read<std::uint16_t>();
            continue;
          default:
            pass_by_operands(opcode, reader);
            continue;
        }
      }
      // The row before holds up to this one. Nearly all rows are passed by.
      if (row.address < previous.address) {
        look_for(row.address);
      } else if (next_wanted_ < row.address) {
        note(previous, row.address);
      }
      previous = row;
      row.discriminator = 0;  // it is said for each row anew
    }
  }

  std::vector<SourceLine> take() { return std::move(found_); }

 private:
  static constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};
  struct Row {
    std::uint64_t address = 0;
    std::uint64_t discriminator = 0;
    std::uint32_t file = 1;
    std::uint32_t line = 1;
    std::uint32_t column = 0;
  };

  // What a special opcode, which is most of a program, adds to a row.
  struct Advance {
    std::uint32_t address = 0;
    std::uint32_t line = 0;  // modulo 2^32
  };
  void find_advances() {
    for (unsigned opcode = header_->opcode_base; opcode < advances_.size(); ++opcode) {
      const unsigned adjusted = opcode - header_->opcode_base;
      const int line = header_->line_base + static_cast<int>(adjusted % header_->line_range);
      advances_[opcode] = {adjusted / header_->line_range * header_->minimum_length,
                           static_cast<std::uint32_t>(line)};
    }
  }

  struct Extended {
    std::uint8_t code = 0;  // 0: none that matters, or damaged
    std::uint64_t operand = 0;
  };
  // Of a function that the linker left out: a quarter of the rows of a large program in C++. They begin at 0 or where nothing is, and
  // other code may lie as far from there as the function was long.
  void pass_by_sequence(ByteReader& reader) const {
    while (!reader.at_end()) {
      const auto opcode = reader.read<std::uint8_t>();
      if (opcode >= header_->opcode_base) continue;
      if (opcode != 0) {
        pass_by_operands(opcode, reader);
      } else if (extended(reader).code == DW_LNE_end_sequence) {
        return;
      }
    }
  }
  void pass_by_operands(std::uint8_t opcode, ByteReader& reader) const {
    if (opcode == DW_LNS_fixed_advance_pc) return reader.skip(2);
    for (unsigned i = 0; i < header_->operand_counts[opcode - 1u]; ++i) reader.read_uleb();
  }
  static Extended extended(ByteReader& reader) {
    const std::uint64_t size = reader.read_uleb();
    if (!reader.ok() || size > reader.remaining() || size == 0) {
      reader.skip(reader.remaining());
      return {};
    }
    ByteReader operand{reader.position(), size};
    reader.skip(size);
    const auto code = operand.read<std::uint8_t>();
    if (code == DW_LNE_set_address) return {code, operand.read<std::uint64_t>()};
    if (code == DW_LNE_set_discriminator) return {code, operand.read_uleb()};
    return {code, 0};
  }

  void look_for(std::uint64_t address) {
    next_ = static_cast<std::size_t>(std::ranges::lower_bound(wanted_, address) - wanted_.begin());
    next_wanted_ = next_ < wanted_.size() ? wanted_[next_] : kNoAddress;
  }

  void note(const Row& row, std::uint64_t end) {
    for (; next_ < wanted_.size() && wanted_[next_] < end; ++next_) {
      SourceLine& line = found_[next_];
      if (line.line != 0) continue;
      line.is_in_table = true;
      if (row.line == 0) continue;
      line = {file_name(row.file), row.line, row.column, row.discriminator, table_, true};
    }
    next_wanted_ = next_ < wanted_.size() ? wanted_[next_] : kNoAddress;
  }

  types::StringRef file_name(std::uint64_t number) {
    if (number >= names_.size()) return 0;
    if (names_[number] == types::kNoRecord) names_[number] = header_->file(number, strings_);
    return names_[number];
  }

  const ElfFile& file_;
  std::span<const std::uint64_t> wanted_;
  types::StringPool& strings_;
  std::vector<SourceLine> found_;
  const LineHeader* header_ = nullptr;
  std::uint64_t table_ = 0;
  std::vector<types::StringRef> names_;
  std::array<Advance, 256> advances_{};  // by opcode
  // The first wanted address from that of the row before on.
  std::size_t next_ = 0;
  std::uint64_t next_wanted_ = kNoAddress;
};

}  // namespace

std::vector<SourceLine> lines_of(const ObjectFiles& files, std::span<const std::uint64_t> addresses,
                                 types::StringPool& strings, Diagnostics& diag) {
  const ElfFile& file = files.with_debug_information();
  const DebugSections sections{file};
  LineFinder finder{file, addresses, strings};
  for (std::uint64_t offset = 0; !addresses.empty() && offset < sections.line.size();) {
    const auto header = read_line_header(sections, offset);
    if (!header || header->program > header->end) {
      diag.warning(file.path(), "a line table is damaged; the rest is left out", offset);
      break;
    }
    finder.run(sections, *header, offset);
    offset = header->end;
  }
  return finder.take();
}

}  // namespace allocs::meta
