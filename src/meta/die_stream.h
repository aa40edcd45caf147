// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dwarf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "meta/object_file.h"

// The entries of .debug_info in the order of the file, each decoded once. Only the attributes listed in `At` are
// kept. Every read is bounded: damage makes a unit end early, with a message, and the next one starts where the
// header said.
namespace allocs::meta {

// Names an entry of any file of an object: the offset in its section, marked if that is .debug_types or the dwz
// alternate, and with the number of the lot of sections if that was split off (split_units.h).
using DieKey = std::uint64_t;
inline constexpr DieKey kNoDie = ~DieKey{0};
inline constexpr DieKey kInTypesSection = DieKey{1} << 62;
inline constexpr DieKey kInAlternate = DieKey{1} << 61;

enum class At : std::uint8_t {
  none,
  name,
  type,
  byte_size,
  bit_size,
  bit_offset,
  data_bit_offset,
  data_member_location,
  data_location,
  string_length,
  encoding,
  endianity,
  const_value,
  upper_bound,
  lower_bound,
  count,
  declaration,
  external,
  artificial,
  specification,
  abstract_origin,
  location,
  frame_base,
  low_pc,
  high_pc,
  ranges,
  linkage_name,
  decl_file,
  decl_line,
  prototyped,
  signature,
  virtuality,
  sibling,
  alignment,
  inline_,
  stmt_list,
  comp_dir,
  language,
  producer,
  str_offsets_base,
  addr_base,
  rnglists_base,
  loclists_base,
  dwo_name,
  dwo_id,
  byte_stride,
  bit_stride,
  containing_type,
  call_file,
  call_line,
  call_column,
  call_discriminator,
  macros,
  macro_info,
  call_return_pc,
  alloc_type,
  count_
};
static_assert(static_cast<int>(At::count_) <= 64);

enum class ValueClass : std::uint8_t {
  none,
  constant,
  signed_constant,
  flag,
  address,
  address_index,
  text,
  text_index,
  block,
  section_offset,
  list_index,
  reference,
  signature
};

struct AttributeValue {
  std::uint64_t number =
      0;  // constants, offsets, indices, addresses, DieKeys; the size of a block or a text
  const std::byte* bytes = nullptr;  // of a block or a text
  ValueClass kind = ValueClass::none;
};

struct Die {
  DieKey key = kNoDie;
  std::uint16_t tag = 0;  // 0: the end of a list of children
  bool has_children = false;
  std::uint64_t present = 0;
  std::array<AttributeValue, static_cast<std::size_t>(At::count_)> values;

  bool has(At at) const { return (present >> static_cast<int>(at) & 1) != 0; }
  const AttributeValue& operator[](At at) const { return values[static_cast<std::size_t>(at)]; }
  bool flag(At at) const { return has(at) && (*this)[at].number != 0; }
  // A constant of either sort.
  std::optional<std::uint64_t> constant(At at) const;
  DieKey reference(At at) const;  // kNoDie if absent
};

struct DebugSections {
  // `suffix`: ".dwo" for split files.
  explicit DebugSections(const ElfFile& elf, std::string_view suffix = {});
  const ElfFile* file;
  std::span<const std::byte> info, types, abbrev, str, line_str, str_offsets, addr, loc, loclists,
      ranges, rnglists, line, macro, macinfo;
};

struct Abbreviation {
  struct Attribute {
    std::uint16_t form;
    At at;
  };
  std::uint64_t code = 0;
  std::uint16_t tag = 0;
  bool has_children = false;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t first_implicit = 0;
};
struct AbbreviationTable {
  std::vector<Abbreviation> entries;  // by code
  std::vector<Abbreviation::Attribute> attributes;
  std::vector<std::int64_t> implicits;  // the constants of those of DW_FORM_implicit_const
  bool refers_beyond_units = false;     // some entry may, to entries of others
  const Abbreviation* find(std::uint64_t code) const;
};

// One unit of .debug_info or .debug_types.
struct Unit {
  const DebugSections* sections = nullptr;
  const DebugSections* alternate = nullptr;  // where DW_FORM_GNU_*_alt lead
  std::span<const std::byte> section;
  DieKey key_mark = 0;  // what its entries' keys have beside the offset
  std::uint64_t offset = 0;
  std::uint64_t first_die = 0;
  std::uint64_t end = 0;
  std::uint16_t version = 0;
  std::uint8_t kind = 0;  // DW_UT_*
  std::uint8_t offset_size = 4;
  bool is_split = false;
  std::uint64_t signature =
      0;  // of type units; of skeletons and split units in DWARF 5 their dwo_id
  std::uint64_t signed_die = 0;  // the offset of the entry that the signature stands for
  std::shared_ptr<const AbbreviationTable> abbreviations;

  // From the first entry, or for a split unit from its skeleton:
  std::string_view name;
  std::string_view directory;
  std::uint64_t language = 0;
  std::string_view producer;
  std::optional<std::uint64_t> line_offset;
  std::uint64_t base_address = 0;
  std::uint64_t str_offsets_base = 0, addr_base = 0, rnglists_base = 0, loclists_base = 0;

  std::string_view text(const AttributeValue& value) const;
  std::optional<std::uint64_t> address(const AttributeValue& value) const;
  std::optional<std::uint64_t> indexed_address(std::uint64_t index) const;
};

// All units of a file, in order. Where a header is damaged, the rest of that section is given up.
std::vector<Unit> read_units(const DebugSections& sections, const DebugSections* alternate,
                             Diagnostics& diag);

// Appends the units of .debug_types and .debug_info; `mark` is or-ed into all keys.
void append_units(const DebugSections& sections, DieKey mark, std::vector<Unit>& units,
                  Diagnostics& diag);

// Which entry each type signature stands for.
using SignatureTable = std::unordered_map<std::uint64_t, DieKey>;
SignatureTable read_signatures(std::span<const Unit> units);

class DieStream {
 public:
  // Decodes the first entry for the facts in `unit` and stands in front of it.
  DieStream(Unit& unit, const SignatureTable& signatures);

  // The next entry, children before siblings; false at the end of the unit, or where it cannot be read on.
  bool next(Die& die);
  // Moves to behind the children of `die`, which was the last one given.
  void skip_children(const Die& die);
  bool damaged() const { return damaged_; }
  std::uint64_t position() const { return static_cast<std::uint64_t>(at_ - unit_->section.data()); }

 private:
  bool read_value(std::uint16_t form, AttributeValue& value);
  std::uint64_t fixed(std::size_t size);
  std::uint64_t uleb();
  std::int64_t sleb();
  const std::byte* take(std::uint64_t size);
  void text_at(std::span<const std::byte> section, std::uint64_t offset, AttributeValue& value);
  bool fail() {
    damaged_ = true;
    at_ = end_;
    return false;
  }

  Unit* unit_;
  const SignatureTable* signatures_;
  const std::byte* at_;
  const std::byte* end_;
  bool damaged_ = false;
};

}  // namespace allocs::meta
