// SPDX-License-Identifier: Apache-2.0
#include "meta/die_stream.h"

#include <cstring>

namespace allocs::meta {

namespace {

// Reads past these are zero: what a damaged file says is checked where it is used.
std::uint64_t little_endian(const std::byte* bytes, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, size);
  return value;
}

std::uint64_t number_at(std::span<const std::byte> section, std::uint64_t offset,
                        std::size_t size) {
  if (offset > section.size() || size > section.size() - offset) return 0;
  return little_endian(section.data() + offset, size);
}

}  // namespace

std::optional<std::uint64_t> Die::constant(At at) const {
  if (!has(at)) return std::nullopt;
  const AttributeValue& value = (*this)[at];
  if (value.kind == ValueClass::constant || value.kind == ValueClass::signed_constant)
    return value.number;
  return std::nullopt;
}

DieKey Die::reference(At at) const {
  return has(at) && (*this)[at].kind == ValueClass::reference ? (*this)[at].number : kNoDie;
}

std::string_view Unit::text(const AttributeValue& value) const {
  if (value.kind == ValueClass::text)
    return {reinterpret_cast<const char*>(value.bytes), value.number};
  if (value.kind != ValueClass::text_index) return {};
  std::uint64_t at = 0;
  if (__builtin_mul_overflow(value.number, std::uint64_t{offset_size}, &at)) return {};
  const std::uint64_t offset_in_str =
      number_at(sections->str_offsets, str_offsets_base + at, offset_size);
  if (offset_in_str >= sections->str.size()) return {};
  const auto* text = reinterpret_cast<const char*>(sections->str.data() + offset_in_str);
  return {text, strnlen(text, sections->str.size() - offset_in_str)};
}

std::optional<std::uint64_t> Unit::indexed_address(std::uint64_t index) const {
  std::uint64_t at = 0;
  if (__builtin_mul_overflow(index, std::uint64_t{8}, &at) ||
      __builtin_add_overflow(at, addr_base, &at))
    return std::nullopt;
  if (at > sections->addr.size() || sections->addr.size() - at < 8) return std::nullopt;
  return little_endian(sections->addr.data() + at, 8);
}

std::optional<std::uint64_t> Unit::address(const AttributeValue& value) const {
  if (value.kind == ValueClass::address) return value.number;
  if (value.kind == ValueClass::address_index) return indexed_address(value.number);
  return std::nullopt;
}

DieStream::DieStream(Unit& unit, const SignatureTable& signatures)
    : unit_(&unit),
      signatures_(&signatures),
      at_(unit.section.data() + unit.first_die),
      end_(unit.section.data() + unit.end) {
  Die root;
  const std::byte* start = at_;
  if (!next(root)) return;
  at_ = start;
  const auto take = [&](At at, std::uint64_t& into) {
    if (root.has(at)) into = root[at].number;
  };
  take(At::str_offsets_base, unit.str_offsets_base);
  take(At::addr_base, unit.addr_base);
  take(At::rnglists_base, unit.rnglists_base);
  take(At::loclists_base, unit.loclists_base);
  take(At::language, unit.language);
  if (root.has(At::stmt_list)) unit.line_offset = root[At::stmt_list].number;
  if (root.has(At::name)) unit.name = unit.text(root[At::name]);
  if (root.has(At::producer)) unit.producer = unit.text(root[At::producer]);
  if (root.has(At::comp_dir)) unit.directory = unit.text(root[At::comp_dir]);
  if (root.has(At::low_pc)) unit.base_address = unit.address(root[At::low_pc]).value_or(0);
}

bool DieStream::next(Die& die) {
  if (at_ >= end_) return false;
  die.key = position() | unit_->key_mark;
  die.present = 0;
  const std::uint64_t code = uleb();
  if (damaged_) return false;
  if (code == 0) {
    die.tag = 0;
    die.has_children = false;
    return true;
  }
  const AbbreviationTable& table = *unit_->abbreviations;
  const Abbreviation* abbreviation = table.find(code);
  if (abbreviation == nullptr) return fail();
  die.tag = abbreviation->tag;
  die.has_children = abbreviation->has_children;
  AttributeValue ignored;
  const Abbreviation::Attribute* attribute = table.attributes.data() + abbreviation->first;
  const std::int64_t* implicit = table.implicits.data() + abbreviation->first_implicit;
  for (std::uint32_t left = abbreviation->count; left > 0; --left, ++attribute) {
    const bool wanted = attribute->at != At::none;
    AttributeValue& value = wanted ? die.values[static_cast<std::size_t>(attribute->at)] : ignored;
    if (attribute->form == DW_FORM_implicit_const) {
      value.kind = ValueClass::signed_constant;
      value.number = static_cast<std::uint64_t>(*implicit++);
    } else if (!read_value(attribute->form, value)) {
      return fail();
    }
    if (wanted) die.present |= std::uint64_t{1} << static_cast<int>(attribute->at);
  }
  return !damaged_;
}

void DieStream::skip_children(const Die& die) {
  if (!die.has_children) return;
  if (const DieKey sibling = die.reference(At::sibling); sibling != kNoDie) {
    const std::uint64_t offset = sibling & ~unit_->key_mark;
    if (offset > position() && offset <= unit_->end &&
        (sibling & unit_->key_mark) == unit_->key_mark) {
      at_ = unit_->section.data() + offset;
      return;
    }
  }
  Die child;
  for (std::uint64_t depth = 1; depth > 0 && next(child);) {
    if (child.tag == 0) {
      --depth;
    } else if (child.has_children) {
      ++depth;
    }
  }
}

const std::byte* DieStream::take(std::uint64_t size) {
  if (size > static_cast<std::uint64_t>(end_ - at_)) {
    fail();
    return nullptr;
  }
  const std::byte* taken = at_;
  at_ += size;
  return taken;
}

std::uint64_t DieStream::fixed(std::size_t size) {
  const std::byte* bytes = take(size);
  return bytes == nullptr ? 0 : little_endian(bytes, size);
}

std::uint64_t DieStream::uleb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at_ < end_; shift += 7) {
    const auto byte = std::to_integer<std::uint8_t>(*at_++);
    if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t DieStream::sleb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at_ < end_;) {
    const auto byte = std::to_integer<std::uint8_t>(*at_++);
    if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }
  fail();
  return 0;
}

void DieStream::text_at(std::span<const std::byte> section, std::uint64_t offset,
                        AttributeValue& value) {
  value.kind = ValueClass::text;
  value.number = 0;
  value.bytes = section.data();
  if (offset >= section.size()) return;
  value.bytes = section.data() + offset;
  value.number = strnlen(reinterpret_cast<const char*>(value.bytes), section.size() - offset);
}

bool DieStream::read_value(std::uint16_t form, AttributeValue& value) {
  const auto set = [&](ValueClass kind, std::uint64_t number) {
    value.kind = kind;
    value.number = number;
    return true;
  };
  const auto block = [&](std::uint64_t size) {
    value.kind = ValueClass::block;
    value.bytes = take(size);
    value.number = size;
    return value.bytes != nullptr;
  };
  const auto in_unit = [&](std::uint64_t offset) {
    return set(ValueClass::reference, (unit_->offset + offset) | unit_->key_mark);
  };
  const std::size_t offset_size = unit_->offset_size;
  switch (form) {
    case DW_FORM_addr:
      return set(ValueClass::address, fixed(8));
    case DW_FORM_data1:
      return set(ValueClass::constant, fixed(1));
    case DW_FORM_data2:
      return set(ValueClass::constant, fixed(2));
    case DW_FORM_data4:
      return set(ValueClass::constant, fixed(4));
    case DW_FORM_data8:
      return set(ValueClass::constant, fixed(8));
    case DW_FORM_data16:
      return block(16);
    case DW_FORM_udata:
      return set(ValueClass::constant, uleb());
    case DW_FORM_sdata:
      return set(ValueClass::signed_constant, static_cast<std::uint64_t>(sleb()));
    case DW_FORM_flag:
      return set(ValueClass::flag, fixed(1));
    case DW_FORM_flag_present:
      return set(ValueClass::flag, 1);
    case DW_FORM_block1:
      return block(fixed(1));
    case DW_FORM_block2:
      return block(fixed(2));
    case DW_FORM_block4:
      return block(fixed(4));
    case DW_FORM_block:
    case DW_FORM_exprloc:
      return block(uleb());
    case DW_FORM_sec_offset:
      return set(ValueClass::section_offset, fixed(offset_size));
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
      return set(ValueClass::list_index, uleb());
    case DW_FORM_addrx:
    case DW_FORM_GNU_addr_index:
      return set(ValueClass::address_index, uleb());
    case DW_FORM_addrx1:
      return set(ValueClass::address_index, fixed(1));
    case DW_FORM_addrx2:
      return set(ValueClass::address_index, fixed(2));
    case DW_FORM_addrx3:
      return set(ValueClass::address_index, fixed(3));
    case DW_FORM_addrx4:
      return set(ValueClass::address_index, fixed(4));
    case DW_FORM_string: {
      const auto* text = reinterpret_cast<const char*>(at_);
      const std::size_t length = strnlen(text, static_cast<std::size_t>(end_ - at_));
      value = {length, at_, ValueClass::text};
      return take(length + 1) != nullptr;
    }
    case DW_FORM_strp:
      text_at(unit_->sections->str, fixed(offset_size), value);
      return true;
    case DW_FORM_line_strp:
      text_at(unit_->sections->line_str, fixed(offset_size), value);
      return true;
    case DW_FORM_GNU_strp_alt:
    case DW_FORM_strp_sup: {
      const std::uint64_t offset = fixed(offset_size);
      text_at(unit_->alternate != nullptr ? unit_->alternate->str : std::span<const std::byte>{},
              offset, value);
      return true;
    }
    case DW_FORM_strx:
    case DW_FORM_GNU_str_index:
      return set(ValueClass::text_index, uleb());
    case DW_FORM_strx1:
      return set(ValueClass::text_index, fixed(1));
    case DW_FORM_strx2:
      return set(ValueClass::text_index, fixed(2));
    case DW_FORM_strx3:
      return set(ValueClass::text_index, fixed(3));
    case DW_FORM_strx4:
      return set(ValueClass::text_index, fixed(4));
    case DW_FORM_ref1:
      return in_unit(fixed(1));
    case DW_FORM_ref2:
      return in_unit(fixed(2));
    case DW_FORM_ref4:
      return in_unit(fixed(4));
    case DW_FORM_ref8:
      return in_unit(fixed(8));
    case DW_FORM_ref_udata:
      return in_unit(uleb());
    case DW_FORM_ref_addr:
      return set(ValueClass::reference, fixed(unit_->version <= 2 ? 8 : offset_size) |
                                            (unit_->key_mark & ~kInTypesSection));
    case DW_FORM_GNU_ref_alt:
      return set(ValueClass::reference, fixed(offset_size) | kInAlternate);
    case DW_FORM_ref_sup4:
      return set(ValueClass::reference, fixed(4) | kInAlternate);
    case DW_FORM_ref_sup8:
      return set(ValueClass::reference, fixed(8) | kInAlternate);
    case DW_FORM_ref_sig8: {
      const auto found = signatures_->find(fixed(8));
      return set(ValueClass::reference, found == signatures_->end() ? kNoDie : found->second);
    }
    case DW_FORM_indirect: {
      const std::uint64_t real = uleb();
      if (real == DW_FORM_indirect || real == DW_FORM_implicit_const || real > 0xFFFF) return false;
      return read_value(static_cast<std::uint16_t>(real), value);
    }
    default:
      return false;
  }
}

}  // namespace allocs::meta
