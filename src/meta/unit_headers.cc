// SPDX-License-Identifier: Apache-2.0
//
// Units and their abbreviations: what has to be known before the first entry can be read.
#include <algorithm>
#include <map>

#include "base/byte_reader.h"
#include "meta/die_stream.h"

namespace allocs::meta {

namespace {

At at_of(std::uint64_t name) {
  switch (name) {
    case DW_AT_name:
      return At::name;
    case DW_AT_type:
      return At::type;
    case DW_AT_byte_size:
      return At::byte_size;
    case DW_AT_bit_size:
      return At::bit_size;
    case DW_AT_bit_offset:
      return At::bit_offset;
    case DW_AT_data_bit_offset:
      return At::data_bit_offset;
    case DW_AT_data_member_location:
      return At::data_member_location;
    case DW_AT_data_location:
      return At::data_location;
    case DW_AT_encoding:
      return At::encoding;
    case DW_AT_endianity:
      return At::endianity;
    case DW_AT_const_value:
      return At::const_value;
    case DW_AT_upper_bound:
      return At::upper_bound;
    case DW_AT_lower_bound:
      return At::lower_bound;
    case DW_AT_count:
      return At::count;
    case DW_AT_declaration:
      return At::declaration;
    case DW_AT_external:
      return At::external;
    case DW_AT_artificial:
      return At::artificial;
    case DW_AT_specification:
      return At::specification;
    case DW_AT_abstract_origin:
      return At::abstract_origin;
    case DW_AT_location:
      return At::location;
    case DW_AT_frame_base:
      return At::frame_base;
    case DW_AT_low_pc:
      return At::low_pc;
    case DW_AT_high_pc:
      return At::high_pc;
    case DW_AT_ranges:
      return At::ranges;
    case DW_AT_linkage_name:
    case DW_AT_MIPS_linkage_name:
      return At::linkage_name;
    case DW_AT_decl_file:
      return At::decl_file;
    case DW_AT_decl_line:
      return At::decl_line;
    case DW_AT_prototyped:
      return At::prototyped;
    case DW_AT_signature:
      return At::signature;
    case DW_AT_virtuality:
      return At::virtuality;
    case DW_AT_sibling:
      return At::sibling;
    case DW_AT_alignment:
      return At::alignment;
    case DW_AT_inline:
      return At::inline_;
    case DW_AT_stmt_list:
      return At::stmt_list;
    case DW_AT_comp_dir:
      return At::comp_dir;
    case DW_AT_language:
      return At::language;
    case DW_AT_producer:
      return At::producer;
    case DW_AT_str_offsets_base:
      return At::str_offsets_base;
    case DW_AT_addr_base:
    case DW_AT_GNU_addr_base:
      return At::addr_base;
    case DW_AT_rnglists_base:
    case DW_AT_GNU_ranges_base:
      return At::rnglists_base;
    case DW_AT_loclists_base:
      return At::loclists_base;
    case DW_AT_dwo_name:
    case DW_AT_GNU_dwo_name:
      return At::dwo_name;
    case 0x2131:  // DW_AT_GNU_dwo_id
      return At::dwo_id;
    case DW_AT_string_length:
      return At::string_length;
    case DW_AT_byte_stride:
      return At::byte_stride;
    case DW_AT_bit_stride:
      return At::bit_stride;
    case DW_AT_call_file:
      return At::call_file;
    case DW_AT_call_line:
      return At::call_line;
    case DW_AT_call_column:
      return At::call_column;
    case 0x2136:  // DW_AT_GNU_discriminator
      return At::call_discriminator;
    case DW_AT_macros:
    case DW_AT_GNU_macros:
      return At::macros;
    case DW_AT_macro_info:
      return At::macro_info;
    case DW_AT_containing_type:
      return At::containing_type;
    case DW_AT_call_return_pc:
      return At::call_return_pc;
    case 0x3e0e:  // DW_AT_LLVM_alloc_type
      return At::alloc_type;
    default:
      return At::none;
  }
}

// Where the form is told by the entry, it may be any.
bool may_lead_beyond_the_unit(std::uint16_t form) {
  return form == DW_FORM_ref_addr || form == DW_FORM_ref_sig8 || form == DW_FORM_ref_sup4 ||
         form == DW_FORM_ref_sup8 || form == DW_FORM_GNU_ref_alt || form == DW_FORM_indirect;
}

std::shared_ptr<const AbbreviationTable> read_abbreviations(std::span<const std::byte> section,
                                                            std::uint64_t offset) {
  auto table = std::make_shared<AbbreviationTable>();
  if (offset >= section.size()) return table;
  ByteReader reader{section.data() + offset, section.size() - offset};
  for (;;) {
    Abbreviation entry;
    entry.code = reader.read_uleb();
    if (entry.code == 0 || !reader.ok()) break;
    entry.tag = static_cast<std::uint16_t>(reader.read_uleb());
    entry.has_children = reader.read<std::uint8_t>() != 0;
    entry.first = static_cast<std::uint32_t>(table->attributes.size());
    entry.first_implicit = static_cast<std::uint32_t>(table->implicits.size());
    for (;;) {
      const std::uint64_t name = reader.read_uleb();
      const std::uint64_t told = reader.read_uleb();
      if (!reader.ok() || (name == 0 && told == 0)) break;
      const auto form =
          static_cast<std::uint16_t>(told <= 0xFFFF ? told : 0);  // 0: none that is known
      if (form == DW_FORM_implicit_const) table->implicits.push_back(reader.read_sleb());
      table->refers_beyond_units = table->refers_beyond_units || may_lead_beyond_the_unit(form);
      table->attributes.push_back({form, at_of(name)});
    }
    if (!reader.ok()) break;
    entry.count = static_cast<std::uint32_t>(table->attributes.size()) - entry.first;
    table->entries.push_back(entry);
  }
  table->attributes.shrink_to_fit();
  table->entries.shrink_to_fit();
  const auto by_code = [](const Abbreviation& a, const Abbreviation& b) { return a.code < b.code; };
  if (!std::is_sorted(table->entries.begin(), table->entries.end(), by_code)) {
    std::stable_sort(table->entries.begin(), table->entries.end(), by_code);
  }
  return table;
}

class UnitHeaders {
 public:
  UnitHeaders(const DebugSections& sections, const DebugSections* alternate, Diagnostics& diag)
      : sections_(sections), alternate_(alternate), diag_(diag) {}

  void read(std::span<const std::byte> section, DieKey mark, std::vector<Unit>& units) {
    for (std::uint64_t offset = 0; offset < section.size();) {
      Unit unit;
      if (!read_one(section, offset, mark, unit)) {
        diag_.warning(sections_.file->path(),
                      "a unit of the debug information is damaged; the rest is left out", offset);
        return;
      }
      offset = unit.end;
      if (unit.version >= 2 && unit.version <= 5 && unit.abbreviations != nullptr) {
        units.push_back(std::move(unit));
      } else {
        diag_.warning(sections_.file->path(),
                      "a unit has a DWARF version or address size that is not supported",
                      unit.offset);
      }
    }
  }

 private:
  bool read_one(std::span<const std::byte> section, std::uint64_t offset, DieKey mark, Unit& unit) {
    ByteReader reader{section.data() + offset, section.size() - offset};
    unit.sections = &sections_;
    unit.alternate = alternate_;
    unit.section = section;
    unit.key_mark = mark;
    unit.offset = offset;
    std::uint64_t length = reader.read<std::uint32_t>();
    if (length == 0xFFFFFFFFu) {
      length = reader.read<std::uint64_t>();
      unit.offset_size = 8;
    }
    if (!reader.ok() || length > reader.remaining()) return false;
    unit.end = section.size() - reader.remaining() + length;
    unit.version = reader.read<std::uint16_t>();
    const auto read_offset = [&] {
      return unit.offset_size == 8 ? reader.read<std::uint64_t>() : reader.read<std::uint32_t>();
    };
    std::uint64_t abbreviations = 0;
    std::uint8_t address_size = 0;
    if (unit.version == 5) {
      unit.kind = reader.read<std::uint8_t>();
      address_size = reader.read<std::uint8_t>();
      abbreviations = read_offset();
    } else {
      abbreviations = read_offset();
      address_size = reader.read<std::uint8_t>();
      unit.kind = (mark & kInTypesSection) != 0 ? DW_UT_type : DW_UT_compile;
    }
    if (unit.kind == DW_UT_skeleton || unit.kind == DW_UT_split_compile)
      unit.signature = reader.read<std::uint64_t>();
    if (unit.kind == DW_UT_type || unit.kind == DW_UT_split_type) {
      unit.signature = reader.read<std::uint64_t>();
      unit.signed_die = offset + read_offset();
    }
    unit.first_die = section.size() - reader.remaining();
    if (!reader.ok() || unit.first_die > unit.end) return false;
    if (address_size == 8) unit.abbreviations = abbreviations_at(abbreviations);
    return true;
  }

  std::shared_ptr<const AbbreviationTable> abbreviations_at(std::uint64_t offset) {
    auto& table = tables_[offset];
    if (table == nullptr) table = read_abbreviations(sections_.abbrev, offset);
    return table;
  }

  const DebugSections& sections_;
  const DebugSections* alternate_;
  Diagnostics& diag_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const AbbreviationTable>> tables_;
};

}  // namespace

const Abbreviation* AbbreviationTable::find(std::uint64_t code) const {
  // Compilers number them 1, 2, 3 ...
  if (code - 1 < entries.size() && entries[code - 1].code == code) return &entries[code - 1];
  const auto at =
      std::lower_bound(entries.begin(), entries.end(), code,
                       [](const Abbreviation& a, std::uint64_t c) { return a.code < c; });
  return at != entries.end() && at->code == code ? &*at : nullptr;
}

DebugSections::DebugSections(const ElfFile& elf, std::string_view suffix) : file(&elf) {
  const auto bytes = [&](std::string_view name) -> std::span<const std::byte> {
    const Section* section = elf.section(std::string{".debug_"}.append(name).append(suffix));
    if (section == nullptr)
      section = elf.section(std::string{".zdebug_"}.append(name).append(suffix));
    return section == nullptr ? std::span<const std::byte>{} : section->bytes;
  };
  info = bytes("info");
  types = bytes("types");
  abbrev = bytes("abbrev");
  str = bytes("str");
  line_str = bytes("line_str");
  str_offsets = bytes("str_offsets");
  addr = bytes("addr");
  loc = bytes("loc");
  loclists = bytes("loclists");
  ranges = bytes("ranges");
  rnglists = bytes("rnglists");
  line = bytes("line");
  macro = bytes("macro");
  macinfo = bytes("macinfo");
}

std::vector<Unit> read_units(const DebugSections& sections, const DebugSections* alternate,
                             Diagnostics& diag) {
  std::vector<Unit> units;
  if (alternate != nullptr)
    UnitHeaders{*alternate, nullptr, diag}.read(alternate->info, kInAlternate, units);
  UnitHeaders headers{sections, alternate, diag};
  headers.read(sections.types, kInTypesSection, units);
  headers.read(sections.info, 0, units);
  return units;
}

void append_units(const DebugSections& sections, DieKey mark, std::vector<Unit>& units,
                  Diagnostics& diag) {
  UnitHeaders headers{sections, nullptr, diag};
  headers.read(sections.types, mark | kInTypesSection, units);
  headers.read(sections.info, mark, units);
}

SignatureTable read_signatures(std::span<const Unit> units) {
  SignatureTable table;
  for (const Unit& unit : units) {
    if (unit.kind == DW_UT_type || unit.kind == DW_UT_split_type)
      table.emplace(unit.signature, unit.signed_die | unit.key_mark);
  }
  return table;
}

}  // namespace allocs::meta
