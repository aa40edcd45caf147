// SPDX-License-Identifier: Apache-2.0
#include "meta/type_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/byte_reader.h"

namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::kUnbounded;
using types::kUnknownSize;
using types::MemberRecord;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr std::uint64_t kMostBits = 0xFFFF;

// gcc has char8_t as an unsigned number, though char16_t and char32_t as what they are; clang has all three so.
bool is_char8(std::string_view name, const types::TypeRecord& record) {
  return name == "char8_t" && record.detail == DW_ATE_unsigned && record.size == 1;
}

template <typename Meaning>
struct TagMeaning {
  std::uint16_t tag;
  Meaning meaning;
};
constexpr TagMeaning<types::Qualifier> kQualifiers[] = {
    {DW_TAG_const_type, types::Qualifier::const_},
    {DW_TAG_volatile_type, types::Qualifier::volatile_},
    {DW_TAG_restrict_type, types::Qualifier::restrict_},
    {DW_TAG_atomic_type, types::Qualifier::atomic},
};
constexpr TagMeaning<types::AddressKind> kAddressKinds[] = {
    {DW_TAG_reference_type, types::AddressKind::reference},
    {DW_TAG_rvalue_reference_type, types::AddressKind::rvalue_reference},
    {DW_TAG_ptr_to_member_type, types::AddressKind::member_pointer},
};
template <typename Meaning, std::size_t N>
std::uint8_t meaning_of(std::uint16_t tag, const TagMeaning<Meaning> (&meanings)[N],
                        Meaning of_others) {
  for (const auto& [known, meaning] : meanings) {
    if (known == tag) return static_cast<std::uint8_t>(meaning);
  }
  return static_cast<std::uint8_t>(of_others);
}

// A member's offset: a constant, or an expression that adds one.
std::optional<std::uint64_t> member_offset(const Die& die) {
  if (!die.has(At::data_member_location)) return 0;
  if (const auto constant = die.constant(At::data_member_location)) return constant;
  const AttributeValue& value = die[At::data_member_location];
  if (value.kind != ValueClass::block) return std::nullopt;
  ByteReader reader{value.bytes, value.number};
  if (reader.read<std::uint8_t>() != DW_OP_plus_uconst) return std::nullopt;
  const std::uint64_t offset = reader.read_uleb();
  return reader.ok() && reader.at_end() ? std::optional{offset} : std::nullopt;
}

// Of a virtual base whose place is object + *(*object - n): n. Anything else is kUnknownSize.
std::uint64_t virtual_base_distance(const Die& die) {
  if (!die.has(At::data_member_location)) return kUnknownSize;
  const AttributeValue& value = die[At::data_member_location];
  if (value.kind != ValueClass::block) return kUnknownSize;
  ByteReader reader{value.bytes, value.number};
  const auto is_next = [&](std::uint8_t operation) {
    return reader.read<std::uint8_t>() == operation && reader.ok();
  };
  if (!is_next(DW_OP_dup) || !is_next(DW_OP_deref)) return kUnknownSize;
  const auto operation = reader.read<std::uint8_t>();
  std::uint64_t distance = 0;
  if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
    distance = static_cast<std::uint64_t>(operation - DW_OP_lit0);
  } else if (operation == DW_OP_const1u) {
    distance = reader.read<std::uint8_t>();
  } else if (operation == DW_OP_const2u) {
    distance = reader.read<std::uint16_t>();
  } else if (operation == DW_OP_constu) {
    distance = reader.read_uleb();
  } else {
    return kUnknownSize;
  }
  const bool is_so = is_next(DW_OP_minus) && is_next(DW_OP_deref) && is_next(DW_OP_plus) &&
                     reader.at_end() && distance < std::uint64_t{1} << 32;
  return is_so ? distance : kUnknownSize;
}

constexpr std::uint64_t kStrideAtRunTime = ~std::uint64_t{0};

// What an array or one of its dimensions says of the distance of two elements, in bits; 0 if nothing.
std::uint64_t stride_of(const Die& die) {
  for (const auto& [at, bits] : {std::pair{At::bit_stride, 1u}, std::pair{At::byte_stride, 8u}}) {
    if (!die.has(at)) continue;
    const auto stride = die.constant(at);
    std::uint64_t in_bits = 0;
    const bool is_known = stride && !__builtin_mul_overflow(*stride, std::uint64_t{bits}, &in_bits);
    return is_known ? in_bits : kStrideAtRunTime;
  }
  return 0;
}

// How many elements a DW_TAG_subrange_type stands for; kUnbounded if it does not say, or says so at run time.
std::uint64_t element_count(const Die& die, std::uint64_t first_index) {
  if (die.has(At::count)) return die.constant(At::count).value_or(kUnbounded);
  const auto upper = die.constant(At::upper_bound);
  if (!upper || *upper == 0xFFFFFFFFu) return kUnbounded;
  if (die.has(At::lower_bound) && !die.constant(At::lower_bound)) return kUnbounded;
  const std::uint64_t lower = die.constant(At::lower_bound).value_or(first_index);
  const auto count = static_cast<std::int64_t>(*upper - lower) + 1;
  return count > 0 ? static_cast<std::uint64_t>(count) : kUnbounded;
}

// How a dimension is found at run time, if it is.
std::optional<TypeEntries::RunTimeCount> run_time_count(const Die& die, std::uint64_t first_index) {
  const bool has_count = die.has(At::count);
  if (!has_count && !die.has(At::upper_bound)) return std::nullopt;
  const AttributeValue& value = die[has_count ? At::count : At::upper_bound];
  TypeEntries::RunTimeCount found;
  if (!has_count) {
    // A bound that is only known at run time may be any.
    if (die.has(At::lower_bound) && !die.constant(At::lower_bound)) return std::nullopt;
    found.more = 1 - static_cast<std::int64_t>(die.constant(At::lower_bound).value_or(first_index));
  }
  if (value.kind == ValueClass::block) {
    found.expression = {value.bytes, value.number};
  } else if (value.kind == ValueClass::reference) {
    found.variable = value.number;
  } else {
    return std::nullopt;
  }
  return found;
}

}  // namespace

TypeIndex TypeEntries::node_of(DieKey key) {
  if (key == kNoDie) return 0;
  const auto fresh = static_cast<TypeIndex>(types_.types.size());
  const TypeIndex node = nodes_.find_or_add(key, fresh);
  if (node == fresh) {
    TypeRecord unfilled;
    unfilled.kind = types::kKindUnfilled;
    types_.add(unfilled);
  }
  return node;
}

void TypeEntries::fill(const Die& die, const TypeRecord& record) {
  const TypeIndex node = node_of(die.key);
  types_.types[node] = record;
}

void TypeEntries::place(const Die& die, const UnitContext& context, TypeRecord& record) const {
  if (die.has(At::decl_file)) record.file = context.files[die[At::decl_file].number];
  if (die.has(At::decl_line)) record.line = static_cast<std::uint32_t>(die[At::decl_line].number);
}

TypeRecord TypeEntries::described(const Die& die, const UnitContext& context) const {
  TypeRecord record;
  record.size = die.constant(At::byte_size).value_or(0);
  place(die, context, record);
  if (const auto align = die.constant(At::alignment); align && std::has_single_bit(*align)) {
    record.align_log2 = static_cast<std::uint8_t>(std::countr_zero(*align));
  }
  // Some languages have records whose size is computed at run time.
  const bool has_run_time_size = die.has(At::byte_size) && !die.constant(At::byte_size);
  if (die.flag(At::declaration) || has_run_time_size) {
    record.flags |= types::kTypeIncomplete;
    record.size = kUnknownSize;
  }
  if (!context.is_c) record.flags |= types::kTypeWithoutTagKeyword;
  return record;
}

void TypeEntries::set_float_format(const Die& die, const UnitContext& context, TypeRecord& record) {
  const std::string_view name = strings_[record.name];
  const auto format = float_format_of(name, record.detail, record.size, context.floats);
  record.flags |= types::type_flags_of(format);
  if (format == types::FloatFormat::binary128) has_binary128_ = true;
  if (is_nameless_complex(name, record.detail, record.size, context.floats)) {
    nameless_complex_.push_back(node_of(die.key));
    types_.singular.push_back(nameless_complex_.back());
  }
}

bool TypeEntries::read_simple(const Die& die, const UnitContext& context, types::StringRef name) {
  TypeRecord record;
  record.name = name;
  switch (die.tag) {
    case DW_TAG_base_type:
      record.kind = Kind::base;
      record.detail = static_cast<std::uint8_t>(die.constant(At::encoding).value_or(0));
      record.size = die.constant(At::byte_size).value_or(0);
      if (is_char8(strings_[name], record)) record.detail = DW_ATE_UTF;
      set_float_format(die, context, record);
      if (die.constant(At::endianity) == std::uint64_t{DW_END_big}) {
        record.flags |= types::kTypeBigEndian;
        if (record.size > 1)
          record.name = strings_.add(types::kBigEndianWord + std::string(strings_[name]));
      }
      if (const auto bits = die.constant(At::bit_size);
          bits && *bits < record.size * 8 && *bits <= kMostBits) {
        record.bit_size = static_cast<std::uint16_t>(*bits);
      }
      break;
    case DW_TAG_unspecified_type:
      // std::nullptr_t is as large as a pointer; the others (assembly's "void") have no values.
      if (strings_[name].find("nullptr") == std::string_view::npos) break;
      record.kind = Kind::base;
      record.detail = DW_ATE_address;
      record.size = 8;
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_ptr_to_member_type:
      record.name = 0;
      record.kind = Kind::address;
      record.detail = meaning_of(die.tag, kAddressKinds, types::AddressKind::pointer);
      record.size = 8;
      record.target = type_of(die);
      // Of a pointer to member: the class, until name_member_classes() puts in its name.
      if (die.tag == DW_TAG_ptr_to_member_type)
        record.first = node_of(die.reference(At::containing_type));
      break;
    case DW_TAG_typedef:
    case DW_TAG_template_alias:
      record.kind = types::kKindTypedef;
      record.target = type_of(die);
      place(die, context, record);
      break;
    case DW_TAG_const_type:
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
    case DW_TAG_immutable_type:
    case DW_TAG_packed_type:
    case DW_TAG_shared_type:
      record.kind = types::kKindQualifier;
      record.detail = meaning_of(die.tag, kQualifiers, types::Qualifier::none);
      record.target = type_of(die);
      break;
    case DW_TAG_string_type: {
      TypeRecord character;
      character.kind = Kind::base;
      character.detail = DW_ATE_signed_char;
      character.size = 1;
      character.name = strings_.add("char");
      record.name = 0;
      record.kind = Kind::array;
      // What tells the length at run time has a size, too, and that is not the string's.
      record.count = kUnbounded;
      if (!die.has(At::string_length))
        record.count = die.constant(At::byte_size).value_or(kUnbounded);
      record.target = types_.add(character);
      break;
    }
    case DW_TAG_subrange_type: {
      record.kind = Kind::subrange;
      record.target = type_of(die);
      const std::uint64_t lower = die.constant(At::lower_bound).value_or(context.first_index);
      record.count = die.constant(At::upper_bound).value_or(lower) - lower;
      record.first = static_cast<std::uint32_t>(types_.members.size());
      MemberRecord bound;
      bound.offset = lower;
      bound.type = record.target;
      types_.members.push_back(bound);
      if (name == 0) record.name = strings_.add("<subrange>");
      break;
    }
    default:
      return false;
  }
  fill(die, record);
  return true;
}

TypeEntries::Open TypeEntries::open_composite(const Die& die, const UnitContext& context,
                                              types::StringRef name) {
  TypeRecord record = described(die, context);
  record.kind = Kind::composite;
  record.name = name;
  auto kind = types::CompositeKind::structure;
  if (die.tag == DW_TAG_union_type) kind = types::CompositeKind::union_;
  if (die.tag == DW_TAG_class_type) kind = types::CompositeKind::class_;
  record.detail = static_cast<std::uint8_t>(kind);
  const TypeIndex node = node_of(die.key);
  if (die.has(At::signature)) {  // all but the name is in a type unit
    record = TypeRecord{};
    record.kind = types::kKindQualifier;
    record.target = node_of(
        (die[At::signature].kind == ValueClass::reference) ? die[At::signature].number : kNoDie);
  }
  types_.types[node] = record;
  if (name == 0) settle_later(die, context, node);
  return {node, static_cast<std::uint32_t>(members_.size()), record.size};
}

// A tagged type without a name: it has that of the declaration that it continues, or is declared without one. gcc does the latter in type
// units, whose signature says what they hold: the same entry of the same type unit is the same type.
void TypeEntries::settle_later(const Die& die, const UnitContext& context, TypeIndex node) {
  if (const DieKey declaration = die.reference(At::specification); declaration != kNoDie) {
    continued_.push_back({node, node_of(declaration)});
    types_.singular.push_back(node);
    return;
  }
  const TypeRecord& type = types_.types[node];
  if ((type.flags & types::kTypeIncomplete) == 0 || type.file != 0) return;
  const Unit& unit = context.unit;
  const bool is_type_unit = unit.kind == DW_UT_type || unit.kind == DW_UT_split_type;
  const std::uint64_t offset = (die.key & ~unit.key_mark) - unit.offset;
  const std::string mark = is_type_unit
                               ? fmt::format("{:016x}_{:x}", unit.signature, offset)
                               : fmt::format("{}_{:x}_{:x}", unit.name, unit.offset, offset);
  types_.nameless_declarations.push_back({node, strings_.add(mark)});
  types_.singular.push_back(node);
}

void TypeEntries::add_member(const Die& die, const Open& in, const UnitContext& context) {
  MemberRecord member;
  member.name =
      strings_.add(context.unit.text(die.has(At::name) ? die[At::name] : AttributeValue{}));
  member.type = type_of(die);
  member.offset = member_offset(die).value_or(kUnknownSize);
  if (die.flag(At::artificial)) member.flags |= types::kMemberArtificial;
  const auto bits = die.constant(At::bit_size);
  if (bits && *bits > 0 && *bits <= kMostBits) {
    types::SourceTypes::PendingBitField pending;
    pending.member = static_cast<std::uint32_t>(members_.size());
    pending.composite_size = in.size;
    if (const auto first = die.constant(At::data_bit_offset)) {
      pending.first_bit = *first;
    } else {
      pending.first_bit = member.offset * 8;
      if (const auto from_top = die.constant(At::bit_offset)) {
        pending.counted_from_top = true;
        pending.bits_from_top = *from_top;
        pending.unit_size = die.constant(At::byte_size).value_or(0);
      }
    }
    TypeRecord field;
    field.kind = types::kKindBitField;
    field.bit_size = static_cast<std::uint16_t>(*bits);
    field.target = member.type;
    pending.bit_field = types_.add(field);
    bit_fields_.push_back(pending);
  }
  members_.push_back(member);
}

void TypeEntries::add_base_class(const Die& die) {
  MemberRecord member;
  member.type = type_of(die);
  member.flags = types::kMemberBaseClass;
  if (die.constant(At::virtuality).value_or(0) == DW_VIRTUALITY_virtual) {
    member.flags |= types::kMemberVirtualBase;
    member.offset = virtual_base_distance(die);
  } else {
    member.offset = member_offset(die).value_or(kUnknownSize);
  }
  members_.push_back(member);
}

void TypeEntries::close_composite(const Open& open) {
  TypeRecord& type = types_.types[open.node];
  const auto moved_by = static_cast<std::uint32_t>(types_.members.size()) - open.first;
  const bool is_whole = type.kind == Kind::composite && (type.flags & types::kTypeIncomplete) == 0;
  if (is_whole) {
    type.first = static_cast<std::uint32_t>(types_.members.size());
    type.count = members_.size() - open.first;
    types_.members.insert(types_.members.end(), members_.begin() + open.first, members_.end());
  }
  members_.resize(open.first);
  std::size_t kept = bit_fields_.size();
  while (kept > 0 && bit_fields_[kept - 1].member >= open.first) --kept;
  for (std::size_t i = kept; i < bit_fields_.size() && is_whole; ++i) {
    bit_fields_[i].member += moved_by;
    types_.bit_fields.push_back(bit_fields_[i]);
  }
  bit_fields_.resize(kept);
}

TypeEntries::Open TypeEntries::open_enumeration(const Die& die, const UnitContext& context,
                                                types::StringRef name) {
  TypeRecord record = described(die, context);
  record.kind = Kind::enumeration;
  record.name = name;
  if (die.has(At::type)) record.target = type_of(die);
  const TypeIndex node = node_of(die.key);
  if (die.has(At::signature)) {
    record = TypeRecord{};
    record.kind = types::kKindQualifier;
    record.target = node_of(
        (die[At::signature].kind == ValueClass::reference) ? die[At::signature].number : kNoDie);
  }
  types_.types[node] = record;
  if (name == 0) settle_later(die, context, node);
  return {node, static_cast<std::uint32_t>(enumerators_.size()), record.size};
}

void TypeEntries::add_enumerator(const Die& die, const UnitContext& context) {
  types::EnumeratorRecord enumerator;
  enumerator.name =
      strings_.add(context.unit.text(die.has(At::name) ? die[At::name] : AttributeValue{}));
  if (die.has(At::const_value)) {
    const AttributeValue& value = die[At::const_value];
    std::uint64_t number = value.number;
    if (value.kind == ValueClass::block) {
      number = 0;
      std::memcpy(&number, value.bytes, std::min<std::uint64_t>(value.number, sizeof number));
    }
    enumerator.value = static_cast<std::int64_t>(number);
  }
  enumerators_.push_back(enumerator);
}

void TypeEntries::close_enumeration(const Open& open) {
  TypeRecord& type = types_.types[open.node];
  if (type.kind == Kind::enumeration) {
    type.first = static_cast<std::uint32_t>(types_.enumerators.size());
    type.count = enumerators_.size() - open.first;
    types_.enumerators.insert(types_.enumerators.end(), enumerators_.begin() + open.first,
                              enumerators_.end());
  }
  enumerators_.resize(open.first);
}

TypeEntries::Open TypeEntries::open_array(const Die& die) {
  TypeRecord record;
  record.kind = Kind::array;
  record.target = type_of(die);
  record.count = kUnbounded;
  if (die.has(At::data_location)) {
    // What is there is a descriptor; where the elements are, it says at run time.
    record = {};
    record.kind = Kind::composite;
    record.name = strings_.add("<array descriptor>");
    record.flags = types::kTypeIncomplete | types::kTypeWithoutTagKeyword;
    record.size = kUnknownSize;
  }
  fill(die, record);
  const TypeIndex node = node_of(die.key);
  if (record.kind == Kind::array)
    note_spacing(node, stride_of(die), die.constant(At::byte_size).value_or(0));
  return {node, static_cast<std::uint32_t>(dimensions_.size()), kUnknownSize};
}

void TypeEntries::add_dimension(const Die& die, const UnitContext& context, const Open& array) {
  Dimension dimension{.count = element_count(die, context.first_index),
                      .run_time = run_time_count(die, context.first_index),
                      .stride = stride_of(die)};
  if (dimension.count == 0)
    dimension.count = kUnbounded;  // both are called __ARR0_, and are used alike
  const auto outermost = dimensions_.begin() + array.first;
  dimensions_.insert(context.is_column_major ? outermost : dimensions_.end(), dimension);
}

// The first dimension is the outermost.
void TypeEntries::close_array(const Open& open) {
  TypeIndex element = types_.types[open.node].target;
  while (dimensions_.size() > open.first + 1) {
    TypeRecord inner;
    inner.kind = Kind::array;
    inner.count = dimensions_.back().count;
    inner.target = element;
    element = types_.add(inner);
    note_spacing(element, dimensions_.back().stride, 0);
    if (dimensions_.back().run_time) note_run_time_count(element, *dimensions_.back().run_time);
    dimensions_.pop_back();
  }
  TypeRecord& type = types_.types[open.node];
  if (type.kind != Kind::array) return dimensions_.resize(open.first);
  type.target = element;
  if (dimensions_.size() > open.first) {
    type.count = dimensions_.back().count;
    note_spacing(open.node, dimensions_.back().stride, 0);
    if (dimensions_.back().run_time) note_run_time_count(open.node, *dimensions_.back().run_time);
  }
  dimensions_.resize(open.first);
}

TypeEntries::Open TypeEntries::open_signature(const Die& die, const UnitContext& context,
                                              TypeIndex node) {
  TypeRecord record;
  record.kind = Kind::subprogram;
  record.target = type_of(die);
  if (die.flag(At::prototyped) || !context.is_c) record.flags |= types::kTypePrototyped;
  if (!context.is_c) record.flags |= types::kTypeWithoutTagKeyword;
  if (node == kNoType) node = node_of(die.key);
  types_.types[node] = record;
  return {node, static_cast<std::uint32_t>(members_.size()), 0};
}

void TypeEntries::add_argument(const Die& die) {
  MemberRecord argument;  // without a name: functions that call it differently have one type
  argument.type = type_of(die);
  members_.push_back(argument);
}

void TypeEntries::add_ellipsis(const Open& in) {
  TypeRecord& type = types_.types[in.node];
  // `int f()` in C tells nothing about its arguments; it does not promise variable ones.
  if ((type.flags & types::kTypePrototyped) != 0) type.flags |= types::kTypeVariadic;
}

void TypeEntries::close_signature(const Open& open) {
  TypeRecord& type = types_.types[open.node];
  if (type.kind == Kind::subprogram) {
    type.first = static_cast<std::uint32_t>(types_.members.size());
    type.count = members_.size() - open.first;
    types_.members.insert(types_.members.end(), members_.begin() + open.first, members_.end());
  }
  members_.resize(open.first);
}

void TypeEntries::abandon(const Open& open) {
  TypeRecord& type = types_.types[open.node];
  if (type.kind == Kind::composite || type.kind == Kind::enumeration) {
    type.flags |= types::kTypeIncomplete;
    type.size = kUnknownSize;
  }
  if (type.kind != Kind::base && type.kind != Kind::address)
    type.count = type.kind == Kind::array ? kUnbounded : 0;
}

void TypeEntries::settle_names() {
  for (const Continued& c : continued_) {
    TypeRecord& type = types_.types[c.node];
    if (type.name == 0) type.name = types_.types[c.declaration].name;
  }
  constexpr int kDeepest = 64;
  while (!nested_.empty()) qualify(nested_.begin()->first, kDeepest);
}

void TypeEntries::note_run_time_count(TypeIndex array, const RunTimeCount& count) {
  run_time_counts_.emplace(array, count);
  types_.singular.push_back(array);
}

void TypeEntries::note_spacing(TypeIndex array, std::uint64_t stride, std::uint64_t size) {
  if (stride == 0 && size == 0) return;
  spaced_.push_back({array, stride, size});
  types_.singular.push_back(array);
}

void TypeEntries::renumber(const types::Renumbering& moved) {
  nodes_.change_values(moved);
  for (Continued& each : continued_) each = {moved(each.node), moved(each.declaration)};
  for (TypeIndex& node : nameless_complex_) node = moved(node);
  for (Spaced& each : spaced_) each.array = moved(each.array);
  std::map<TypeIndex, TypeIndex> nested;
  for (const auto& [node, scope] : nested_)
    nested.emplace_hint(nested.end(), moved(node), moved(scope));
  nested_.swap(nested);
  // Singular nodes keep their order, so what is in front of the first that has moved stays in place.
  for (auto at = run_time_counts_.lower_bound(moved.first); at != run_time_counts_.end();) {
    const auto next = std::next(at);
    auto entry = run_time_counts_.extract(at);
    entry.key() = moved(entry.key());
    run_time_counts_.insert(std::move(entry));
    at = next;
  }
}

// Of what is complete and has a size that the entries tell.
std::optional<std::uint64_t> TypeEntries::size_of(TypeIndex type) const {
  constexpr int kMostHops = 64;
  std::uint64_t count = 1;
  for (int hops = 0; hops < kMostHops && type < types_.types.size(); ++hops) {
    const TypeRecord& record = types_.types[type];
    const bool is_alias =
        record.kind == types::kKindTypedef || record.kind == types::kKindQualifier;
    const bool by_target = is_alias || record.kind == Kind::subrange ||
                           (record.kind == Kind::enumeration && record.size == 0);
    if (record.kind == Kind::array) {
      if (record.count == kUnbounded || __builtin_mul_overflow(count, record.count, &count))
        return std::nullopt;
    } else if (!by_target) {
      const bool has_size = record.kind == Kind::base || record.kind == Kind::address ||
                            record.kind == Kind::composite || record.kind == Kind::enumeration;
      std::uint64_t size = 0;
      const bool is_known = has_size && (record.flags & types::kTypeIncomplete) == 0 &&
                            record.size != kUnknownSize &&
                            !__builtin_mul_overflow(record.size, count, &size);
      return is_known ? std::optional{size} : std::nullopt;
    }
    type = record.target;
  }
  return std::nullopt;
}

// An array type has its elements one behind the other, and nothing behind the last. What is otherwise is told otherwise: clang's vectors of
// three as a structure that has room behind the array, Ada's packed arrays and all others not at all.
void TypeEntries::settle_strides() {
  // Inner ones first, on which the sizes of outer ones depend: vectors, which say their size, have elements that are no arrays; and of the
  // dimensions of an array the inner ones come later.
  std::stable_partition(spaced_.begin(), spaced_.end(),
                        [](const Spaced& s) { return s.size == 0; });
  for (auto spaced = spaced_.rbegin(); spaced != spaced_.rend(); ++spaced) {
    TypeRecord& array = types_.types[spaced->array];
    if (array.kind != Kind::array) continue;
    const auto element = size_of(array.target);
    const bool is_dense = spaced->stride == 0 || (element && *element * 8 == spaced->stride);
    const auto whole = size_of(spaced->array);
    const bool fits = spaced->size == 0 || !whole || *whole == spaced->size;
    if (is_dense && fits) continue;
    run_time_counts_.erase(spaced->array);
    if (is_dense && *whole < spaced->size) {
      pad_array(*spaced, *whole);
      continue;
    }
    array = {};
    array.kind = Kind::composite;
    array.name = strings_.add("<packed array>");
    array.flags = types::kTypeIncomplete | types::kTypeWithoutTagKeyword;
    array.size = kUnknownSize;
  }
}

void TypeEntries::pad_array(const Spaced& spaced, std::uint64_t unpadded) {
  const TypeRecord array = types_.types[spaced.array];
  const TypeIndex elements = types_.add(array);
  MemberRecord member;
  member.name = strings_.add("elements");
  member.type = elements;
  TypeRecord padded;
  padded.kind = Kind::composite;
  padded.name = strings_.add("<array padded by " + std::to_string(spaced.size - unpadded) + ">");
  padded.flags = types::kTypeAnonymous | types::kTypeWithoutTagKeyword;
  padded.size = spaced.size;
  padded.count = 1;
  padded.first = static_cast<std::uint32_t>(types_.members.size());
  types_.members.push_back(member);
  types_.types[spaced.array] = padded;
}

void TypeEntries::settle_complex_numbers() {
  if (!has_binary128_) return;
  for (const TypeIndex type : nameless_complex_)
    types_.types[type].flags |= types::type_flags_of(types::FloatFormat::unclear);
}

void TypeEntries::qualify(TypeIndex node, int levels) {
  const auto found = nested_.find(node);
  if (found == nested_.end() || levels == 0) return;
  const TypeIndex scope = found->second;
  nested_.erase(found);
  qualify(scope, levels - 1);
  const types::StringRef outer = types_.types[scope].name;
  TypeRecord& type = types_.types[node];
  if (outer == 0 || type.name == 0) return;
  type.name = strings_.add(std::string{strings_[outer]}.append("::").append(strings_[type.name]));
}

}  // namespace allocs::meta
