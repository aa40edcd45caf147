// SPDX-License-Identifier: Apache-2.0
#include "types/write/source_types.h"

#include <algorithm>
#include <tuple>

namespace allocs::types {

namespace {

bool is_alias(const TypeRecord& type) {
  return type.kind == kKindTypedef || type.kind == kKindQualifier;
}

std::string_view tag_keyword(const TypeRecord& type) {
  if (type.kind == Kind::enumeration) return "enum";
  switch (static_cast<CompositeKind>(type.detail)) {
    case CompositeKind::union_:
      return "union";
    case CompositeKind::class_:
      return "class";
    default:
      return "struct";
  }
}

std::string_view last_part(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace

SourceTypes::SourceTypes() { types.push_back({}); }

bool is_anonymous_tag(const TypeRecord& type) {
  return (type.kind == Kind::composite || type.kind == Kind::enumeration) && type.name == 0;
}

// It does if it may be a part of the declaration of the type: a lambda, too, has typedefs, far away in templates.
bool may_be_named_by(const TypeRecord& type, const TypeRecord& alias, const StringPool& strings) {
  if (!is_anonymous_tag(type)) return false;
  if (alias.file == 0 || type.file == 0) return true;
  return alias.line >= type.line && (alias.file == type.file || last_part(strings[alias.file]) ==
                                                                    last_part(strings[type.file]));
}

void name_anonymous_types(SourceTypes& source, StringPool& strings) {
  std::vector<StringRef> naming(source.types.size(), 0);
  constexpr StringRef kSeveral = 0xFFFFFFFFu;
  for (const TypeRecord& type : source.types) {
    if (type.kind != kKindTypedef || type.target >= naming.size()) continue;
    const TypeRecord& target = source.types[type.target];
    if (!may_be_named_by(target, type, strings)) continue;
    StringRef& name = naming[type.target];
    name = name == 0 || name == type.name ? type.name : kSeveral;
  }
  std::vector<StringRef> marks(source.types.size(), 0);
  for (const auto& [type, mark] : source.nameless_declarations) marks[type] = mark;
  for (TypeIndex index = 0; index < source.types.size(); ++index) {
    TypeRecord& type = source.types[index];
    if (!is_anonymous_tag(type)) continue;
    if (naming[index] != 0 && naming[index] != kSeveral) {
      type.name = naming[index];
      type.flags |= kTypeWithoutTagKeyword;  // in C, too, it is written without one
      continue;
    }
    type.flags |= kTypeAnonymous;
    // Two declarations that nothing is known of are two types.
    const std::string place = marks[index] != 0 ? std::string{strings[marks[index]]}
                                                : std::string{last_part(strings[type.file])} + "_" +
                                                      std::to_string(type.line);
    type.name = strings.add("__anon_" + std::string{tag_keyword(type)} + "_" + place);
  }
}

std::vector<TypeIndex> see_through_aliases(const SourceTypes& source) {
  const auto count = static_cast<TypeIndex>(source.types.size());
  std::vector<TypeIndex> stands_for(count, kNoType);
  std::vector<TypeIndex> chain;
  for (TypeIndex start = 0; start < count; ++start) {
    TypeIndex at = start;
    chain.clear();
    while (stands_for[at] == kNoType && is_alias(source.types[at])) {
      stands_for[at] = 0;  // met again: a cycle
      chain.push_back(at);
      at = source.types[at].target;
      if (at >= count) at = 0;
    }
    if (stands_for[at] == kNoType) stands_for[at] = source.types[at].kind == kKindUnfilled ? 0 : at;
    for (const TypeIndex alias : chain) stands_for[alias] = stands_for[at];
  }
  return stands_for;
}

namespace {

// By place; virtual bases, which have none, come last. Of several at one offset (unions) the source's order
// stays.
void sort_members(std::span<MemberRecord> members, const SourceTypes& source) {
  const auto place = [&](const MemberRecord& m) {
    const bool is_virtual = (m.flags & kMemberVirtualBase) != 0;
    return std::tuple{is_virtual, is_virtual ? 0 : m.offset,
                      m.type < source.types.size() ? source.types[m.type].bit_offset : 0};
  };
  const auto before = [&](const MemberRecord& a, const MemberRecord& b) {
    return place(a) < place(b);
  };
  if (!std::is_sorted(members.begin(), members.end(), before)) {
    std::stable_sort(members.begin(), members.end(), before);
  }
}

}  // namespace

void name_member_classes(SourceTypes& source) {
  for (TypeRecord& type : source.types) {
    if (type.kind != Kind::address ||
        static_cast<AddressKind>(type.detail) != AddressKind::member_pointer)
      continue;
    if (type.first < source.types.size()) type.file = source.types[type.first].name;
    type.first = 0;
  }
}

void settle_bit_fields(SourceTypes& source, const std::vector<TypeIndex>& stands_for) {
  for (const auto& pending : source.bit_fields) {
    TypeRecord& field = source.types[pending.bit_field];
    const TypeIndex declared = field.target < stands_for.size() ? stands_for[field.target] : 0;
    const TypeRecord& base = source.types[declared];
    const TypeRecord& host = base.kind == Kind::enumeration && base.target < stands_for.size()
                                 ? source.types[stands_for[base.target]]
                                 : base;
    constexpr std::uint8_t kUnsigned = 7;  // DW_ATE_unsigned
    const std::uint64_t bits = field.bit_size;
    std::uint64_t size = base.size == 0 || base.size > 16 ? 1 : base.size;
    std::uint64_t first_bit = pending.first_bit;
    if (pending.counted_from_top) {
      const std::uint64_t unit = pending.unit_size != 0 ? pending.unit_size : size;
      first_bit += unit * 8 - pending.bits_from_top - bits;
    }
    // The largest aligned unit, up to the declared type's size, that lies in the composite; packed fields that straddle
    // one start at their first byte instead.
    std::uint64_t unit_at = first_bit / 8 / size * size;
    while (size > 1 && pending.composite_size != kUnknownSize &&
           unit_at + size > pending.composite_size) {
      size /= 2;
      unit_at = first_bit / 8 / size * size;
    }
    if (first_bit - unit_at * 8 + bits > size * 8) {
      unit_at = first_bit / 8;
      const std::uint64_t needed = (first_bit % 8 + bits + 7) / 8;
      size = std::max(size, needed);
    }
    MemberRecord& member = source.members[pending.member];
    member.offset = unit_at;
    member.type = pending.bit_field;
    const std::uint8_t encoding = host.kind == Kind::base ? host.detail : kUnsigned;
    // Big-endian units count bits from the highest one.
    const bool is_big_endian = host.kind == Kind::base && (host.flags & kTypeBigEndian) != 0;
    const std::uint64_t from_start = first_bit - unit_at * 8;
    const std::uint64_t bit_offset = is_big_endian ? size * 8 - from_start - bits : from_start;
    if (bits == size * 8 && bit_offset == 0) {  // the whole unit: an ordinary member
      if (base.size == size && (base.kind == Kind::base || base.kind == Kind::enumeration)) {
        member.type = field.target;
        continue;
      }
      field.bit_size = 0;
    }
    field.kind = Kind::base;
    field.detail = encoding;
    field.size = size;
    field.bit_offset = static_cast<std::uint16_t>(bit_offset);
    if (is_big_endian) field.flags |= kTypeBigEndian;
  }
  for (TypeRecord& type : source.types) {
    // Of one byte the order says nothing.
    if (type.kind == Kind::base && type.size <= 1)
      type.flags &= static_cast<std::uint8_t>(~kTypeBigEndian);
  }
  for (TypeRecord& type : source.types) {
    if (type.kind == kKindBitField) type = TypeRecord{};  // no member took it: the input is damaged
  }
  for (const TypeRecord& type : source.types) {
    if (type.kind == Kind::composite) sort_members(source.members_of(type), source);
  }
}

namespace {
constexpr int kDeepest = 24;
constexpr int kMostParts =
    400;  // of one spelling: types that share parts could make it grow exponentially
constexpr std::size_t kLongest = 2000;
constexpr const char* kQualifierText[] = {"", "const", "volatile", "restrict", "_Atomic"};

std::string join(std::string_view name, const std::string& inner) {
  std::string text{name};
  if (!inner.empty() && inner[0] != '[') text += ' ';
  return text += inner;
}
}  // namespace

std::string Speller::spell(TypeIndex type) const {
  parts_ = 0;
  return declare(type, "", 0);
}

// Writes the declaration of `inner`, which is what has been built around the name so far, as being of type `type`.
std::string Speller::declare(TypeIndex index, std::string inner, int depth) const {
  if (depth > kDeepest || inner.size() > kLongest || ++parts_ > kMostParts) return "...";
  if (index >= tables_.types.size()) return join("void", inner);
  const TypeRecord& type = tables_.types[index];
  if (type.kind == kKindBitField) return declare(type.target, std::move(inner), depth + 1);
  if (type.kind == kKindTypedef) return join(strings_[type.name], inner);
  if (type.kind == kKindQualifier) {
    const std::string word = kQualifierText[std::min<std::size_t>(type.detail, 4)];
    if (word.empty()) return declare(type.target, std::move(inner), depth + 1);
    const bool on_pointer =
        type.target < tables_.types.size() && tables_.types[type.target].kind == Kind::address;
    if (on_pointer) return declare(type.target, join(word, inner), depth + 1);
    return word + " " + declare(type.target, std::move(inner), depth + 1);
  }
  switch (type.kind) {
    case Kind::array: {
      inner += '[';
      if (type.count != kUnbounded) inner += std::to_string(type.count);
      return declare(type.target, inner + ']', depth + 1);
    }
    case Kind::address: {
      constexpr const char* kMark[] = {"*", "&", "&&", "::*"};
      const bool has_class = static_cast<AddressKind>(type.detail) == AddressKind::member_pointer;
      inner = std::string{has_class ? strings_[type.file] : std::string_view{}} +
              kMark[type.detail & 3] + inner;
      // Parentheses where a [] or () would bind tighter; typedefs in between need none.
      if (type.target < tables_.types.size()) {
        const TypeRecord* target = &tables_.types[type.target];
        for (int i = 0;
             i < 4 && target->kind == kKindQualifier && target->target < tables_.types.size();
             ++i) {
          target = &tables_.types[target->target];
        }
        if (target->kind == Kind::array || target->kind == Kind::subprogram)
          inner = "(" + inner + ")";
      }
      return declare(type.target, std::move(inner), depth + 1);
    }
    case Kind::subprogram:
      return declare(type.target, inner + "(" + arguments(type, depth) + ")", depth + 1);
    case Kind::composite:
    case Kind::enumeration: {
      if (type.human_name != 0) return join(strings_[type.human_name], inner);
      if ((type.flags & kTypeWithoutTagKeyword) != 0) return join(strings_[type.name], inner);
      return join(std::string{tag_keyword(type)} + " " + std::string{strings_[type.name]}, inner);
    }
    case Kind::base:
      // A settled bit-field has no spelling of its own; what it was declared with is still its target.
      if (type.target != kNoType && type.name == 0)
        return declare(type.target, std::move(inner), depth + 1);
      return join(strings_[type.human_name != 0 ? type.human_name : type.name], inner);
    case Kind::subrange:
      return join(strings_[type.human_name != 0 ? type.human_name : type.name], inner);
    default:
      return join("void", inner);
  }
}

std::string Speller::arguments(const TypeRecord& type, int depth) const {
  std::string text;
  for (const MemberRecord& argument : tables_.members_of(type)) {
    if (!text.empty()) text += ", ";
    text += declare(argument.type, "", depth + 1);
    if (text.size() > kLongest) return "...";
  }
  if ((type.flags & kTypeVariadic) != 0) text += text.empty() ? "..." : ", ...";
  if (text.empty() && (type.flags & kTypePrototyped) != 0 &&
      (type.flags & kTypeWithoutTagKeyword) == 0) {
    text = "void";
  }
  return text;
}

}  // namespace allocs::types
