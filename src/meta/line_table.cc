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
  LineFinder(std::span<const std::uint64_t> wanted, types::StringPool& strings)
      : wanted_(wanted), strings_(strings), found_(wanted.size()) {}

  // `offset` is the header's.
  void run(const DebugSections& sections, const LineHeader& header, std::uint64_t offset) {
    header_ = &header;
    table_ = offset;
    names_.assign(header.files.size(), types::kNoRecord);
    ByteReader reader{sections.line.data() + header.program, header.end - header.program};
    find_advances();
    start_sequence();
    const unsigned first_special = header.opcode_base;
    while (!reader.at_end()) {  // where a reader that failed stands, too
      const auto opcode = reader.read<std::uint8_t>();
      if (opcode < first_special) {
        step(opcode, reader);
        continue;
      }
      row_.address += advances_[opcode].address;
      row_.line += advances_[opcode].line;
      emit();
    }
  }

  std::vector<SourceLine> take() { return std::move(found_); }

 private:
  struct Row {
    std::uint64_t address = 0;
    std::uint64_t file = 1;
    std::int64_t line = 1;
    std::uint64_t column = 0;
    std::uint64_t discriminator = 0;
  };

  // What a special opcode, which is most of a program, adds to a row.
  struct Advance {
    std::uint32_t address = 0;
    std::int32_t line = 0;
  };
  void find_advances() {
    for (unsigned opcode = header_->opcode_base; opcode < advances_.size(); ++opcode) {
      const unsigned adjusted = opcode - header_->opcode_base;
      advances_[opcode] = {adjusted / header_->line_range * header_->minimum_length,
                           header_->line_base + static_cast<int>(adjusted % header_->line_range)};
    }
  }

  void start_sequence() {
    row_ = Row{};
    has_previous_ = false;
  }

  void step(std::uint8_t opcode, ByteReader& reader) {
    switch (opcode) {
      case 0:
        extended(reader);
        return;
      case DW_LNS_copy:
        emit();
        return;
      case DW_LNS_advance_pc:
        row_.address += reader.read_uleb() * header_->minimum_length;
        return;
      case DW_LNS_advance_line:
        row_.line += reader.read_sleb();
        return;
      case DW_LNS_set_file:
        row_.file = reader.read_uleb();
        return;
      case DW_LNS_set_column:
        row_.column = reader.read_uleb();
        return;
      case DW_LNS_const_add_pc:
        row_.address +=
            (255u - header_->opcode_base) / header_->line_range * header_->minimum_length;
        return;
      case DW_LNS_fixed_advance_pc:
        row_.address += reader.read<std::uint16_t>();
        return;
      default:
        for (unsigned i = 0; i < header_->operand_counts[opcode - 1u]; ++i) reader.read_uleb();
        return;
    }
  }

  void extended(ByteReader& reader) {
    const std::uint64_t size = reader.read_uleb();
    if (!reader.ok() || size > reader.remaining() || size == 0)
      return reader.skip(reader.remaining());
    ByteReader operand{reader.position(), size};
    reader.skip(size);
    switch (operand.read<std::uint8_t>()) {
      case DW_LNE_end_sequence:
        emit();
        start_sequence();
        return;
      case DW_LNE_set_address:
        row_.address = operand.read<std::uint64_t>();
        return;
      case DW_LNE_set_discriminator:
        row_.discriminator = operand.read_uleb();
        return;
      default:
        return;
    }
  }

  // The row before holds up to this one. Nearly all rows are passed by.
  void emit() {
    const bool goes_on = has_previous_ && previous_.address <= row_.address;
    if (!goes_on) {
      look_for(row_.address);
    } else if (next_wanted_ < row_.address) {
      note_previous();
    }
    previous_ = row_;
    has_previous_ = true;
    row_.discriminator = 0;  // it is said for each row anew
  }

  void look_for(std::uint64_t address) {
    next_ = static_cast<std::size_t>(std::ranges::lower_bound(wanted_, address) - wanted_.begin());
    next_wanted_ = next_ < wanted_.size() ? wanted_[next_] : kNoneWanted;
  }

  void note_previous() {
    for (; next_ < wanted_.size() && wanted_[next_] < row_.address; ++next_) {
      SourceLine& line = found_[next_];
      if (line.line != 0) continue;
      line.is_in_table = true;
      if (previous_.line == 0) continue;
      line = {file_name(previous_.file),
              static_cast<std::uint32_t>(previous_.line),
              static_cast<std::uint32_t>(previous_.column),
              previous_.discriminator,
              table_,
              true};
    }
    next_wanted_ = next_ < wanted_.size() ? wanted_[next_] : kNoneWanted;
  }

  types::StringRef file_name(std::uint64_t number) {
    if (number >= names_.size()) return 0;
    if (names_[number] == types::kNoRecord) names_[number] = header_->file(number, strings_);
    return names_[number];
  }

  std::span<const std::uint64_t> wanted_;
  types::StringPool& strings_;
  std::vector<SourceLine> found_;
  const LineHeader* header_ = nullptr;
  std::uint64_t table_ = 0;
  std::vector<types::StringRef> names_;
  Row row_;
  Row previous_;
  std::array<Advance, 256> advances_{};  // by opcode
  bool has_previous_ = false;
  static constexpr std::uint64_t kNoneWanted = ~std::uint64_t{0};
  // The first wanted address from that of the row before on.
  std::size_t next_ = 0;
  std::uint64_t next_wanted_ = kNoneWanted;
};

}  // namespace

std::vector<SourceLine> lines_of(const ObjectFiles& files, std::span<const std::uint64_t> addresses,
                                 types::StringPool& strings, Diagnostics& diag) {
  const ElfFile& file = files.with_debug_information();
  const DebugSections sections{file};
  LineFinder finder{addresses, strings};
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
