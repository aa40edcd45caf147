// SPDX-License-Identifier: Apache-2.0
//
// The nodes have their parts by number, and components are hashed as for images (component_hasher.h); but here typedefs, qualifiers and
// declarations are nodes like any others, and names are compared by their number in the pool.
#include "types/write/fold_types.h"

#include <algorithm>

#include "types/write/component_hasher.h"

namespace allocs::types {

namespace {

constexpr Hash128 kWaits{0, 2};    // for a node that is not described
constexpr Hash128 kDropped{0, 3};  // a bit-field's node whose composite is not kept
constexpr Hash128 kBitField{0, 4};
constexpr StringRef kSeveral = 0xFFFFFFFFu;

bool is_member_pointer(const TypeRecord& type) {
  return type.kind == Kind::address &&
         static_cast<AddressKind>(type.detail) == AddressKind::member_pointer;
}

constexpr std::uint64_t bit_of(Kind kind) {
  return std::uint64_t{1} << (static_cast<unsigned>(kind) & 0x3F);
}
constexpr std::uint64_t kWithTarget = bit_of(Kind::array) | bit_of(Kind::address) |
                                      bit_of(Kind::subrange) | bit_of(Kind::subprogram) |
                                      bit_of(Kind::enumeration);
constexpr std::uint64_t kSourceKindsWithTarget =
    bit_of(kKindTypedef) | bit_of(kKindQualifier) | bit_of(kKindBitField);

bool has_target(const TypeRecord& type) {
  const bool is_of_source = static_cast<unsigned>(type.kind) >= 0x80;
  return ((is_of_source ? kSourceKindsWithTarget : kWithTarget) & bit_of(type.kind)) != 0;
}

bool has_members(const TypeRecord& type) {
  return type.kind == Kind::composite || type.kind == Kind::subprogram ||
         type.kind == Kind::subrange;
}

std::uint64_t pair(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

// The bit-fields among the members of a composite: a range of SourceTypes::bit_fields, which are in the order of members.
std::span<const SourceTypes::PendingBitField> bit_fields_of(const SourceTypes& source,
                                                            const TypeRecord& composite) {
  if (composite.kind != Kind::composite || composite.count == 0 || source.bit_fields.empty())
    return {};
  const auto before = [](const SourceTypes::PendingBitField& field, std::uint64_t member) {
    return field.member < member;
  };
  const auto begin = std::lower_bound(source.bit_fields.begin(), source.bit_fields.end(),
                                      std::uint64_t{composite.first}, before);
  const auto end =
      std::lower_bound(begin, source.bit_fields.end(), composite.first + composite.count, before);
  return {begin, end};
}

}  // namespace

class TypeFolder::Graph {
 public:
  Graph(const SourceTypes& source, const StringPool& strings, TypeIndex first,
        bool may_be_referred_to, std::uint64_t& singular)
      : source_(source),
        first_(first),
        may_be_referred_to_(may_be_referred_to),
        next_singular_(singular),
        traits_(source.types.size() - first) {
    for (const TypeIndex node : source.singular) {
      if (node >= first) trait(node).is_singular = true;
    }
    for (TypeIndex node = first; node < source.types.size(); ++node) {
      const TypeRecord& type = source.types[node];
      if (type.kind != kKindTypedef || type.target < first || type.target >= source.types.size() ||
          !may_be_named_by(source.types[type.target], type, strings))
        continue;
      StringRef& name = trait(type.target).naming;
      name = name == 0 || name == type.name ? type.name : kSeveral;
    }
  }

  bool takes_part(TypeIndex node) const { return source_.types[node].kind != kKindBitField; }
  bool is_composite(TypeIndex node) const { return source_.types[node].kind == Kind::composite; }

  std::size_t edge_count(TypeIndex node) const {
    const TypeRecord& type = source_.types[node];
    if (type.kind == Kind::composite) return type.count;
    if (type.kind == Kind::subprogram) return 1 + type.count;
    return (has_target(type) ? 1 : 0) + (is_member_pointer(type) ? 1 : 0);
  }

  TypeIndex child(TypeIndex node, std::size_t edge) const {
    const TypeRecord& type = source_.types[node];
    TypeIndex part = type.target;
    if (type.kind == Kind::composite) {
      part = source_.members[type.first + edge].type;
    } else if (edge != 0) {
      part = is_member_pointer(type) ? type.first : source_.members[type.first + edge - 1].type;
    }
    return part < source_.types.size() ? part : 0;
  }

  template <typename PartHash>
  Hash128 formula(TypeIndex node, PartHash part) const {
    const TypeRecord& type = source_.types[node];
    Hasher hasher;
    hasher.add(static_cast<std::uint64_t>(type.kind) | std::uint64_t{type.detail} << 8 |
               std::uint64_t{type.flags} << 16 | std::uint64_t{type.align_log2} << 24 |
               std::uint64_t{type.bit_size} << 32 | std::uint64_t{type.bit_offset} << 48);
    hasher.add(type.size);
    hasher.add(type.count);
    hasher.add(pair(type.name, type.line));
    hasher.add(pair(type.file, node < first_ ? 0 : traits_[node - first_].naming));
    switch (type.kind) {
      case Kind::composite:
        add_members(hasher, type);
        break;
      case Kind::subrange:
        hasher.add(source_.members_of(type)[0].offset);
        break;
      case Kind::enumeration:
        hasher.add(std::uint64_t{type.target == kNoType});
        for (const EnumeratorRecord& enumerator : source_.enumerators_of(type)) {
          hasher.add(static_cast<std::uint64_t>(enumerator.value));
          hasher.add(enumerator.name);
        }
        break;
      default:
        break;
    }
    const std::size_t edges = edge_count(node);
    for (std::size_t i = 0; i < edges; ++i) hasher.add(part(i));
    return hasher.finish();
  }

  bool settle(std::span<const TypeIndex> nodes, std::vector<Hash128>& hashes) {
    bool waits = false, is_singular = false, has_composite = false;
    for (const TypeIndex node : nodes) {
      const TypeRecord& type = source_.types[node];
      waits = waits || type.kind == kKindUnfilled;
      is_singular = is_singular || traits_[node - first_].is_singular ||
                    (may_be_referred_to_ && is_anonymous_tag(type));
      has_composite = has_composite || type.kind == Kind::composite;
      for (std::size_t i = 0; i < edge_count(node) && !waits; ++i)
        waits = hashes[child(node, i)] == kWaits;
    }
    // A cycle without a composite, which no language allows, has no place to begin at.
    is_singular = is_singular || (!has_composite && nodes.size() > 1);
    if (!waits && !is_singular) return false;
    for (const TypeIndex node : nodes) hashes[node] = waits ? kWaits : next_of_its_own();
    return true;
  }

 private:
  struct Trait {
    StringRef naming = 0;  // the typedef that may name it; kSeveral
    bool is_singular = false;
  };
  Trait& trait(TypeIndex node) { return traits_[node - first_]; }

  Hash128 next_of_its_own() {
    Hasher hasher;
    hasher.add(++next_singular_);
    return hasher.finish();
  }

  void add_members(Hasher& hasher, const TypeRecord& type) const {
    for (const MemberRecord& member : source_.members_of(type)) {
      hasher.add(member.offset);
      hasher.add(pair(member.name, member.flags));
    }
    for (const auto& field : bit_fields_of(source_, type)) {
      hasher.add(pair(field.member - type.first, source_.types[field.bit_field].bit_size));
      hasher.add(field.first_bit);
      hasher.add(field.composite_size);
      hasher.add(std::uint64_t{field.counted_from_top});
      hasher.add(field.unit_size);
      hasher.add(field.bits_from_top);
    }
  }

  const SourceTypes& source_;
  TypeIndex first_;
  bool may_be_referred_to_;
  std::uint64_t& next_singular_;
  std::vector<Trait> traits_;
};

Renumbering TypeFolder::fold(SourceTypes& source, const StringPool& strings,
                             bool may_be_referred_to) {
  const TypeIndex first = first_waiting_;
  keys_.resize(source.types.size());
  {
    Graph graph{source, strings, first, may_be_referred_to, singular_};
    ComponentHasher{graph, keys_, first}.run();
  }
  if (first < old_.types) forget_slots_from(first);
  keep_first_of_each(source, first);
  const Renumbering moved{first_moved_, first, to_};
  std::vector<TypeIndex> still_singular;
  for (const TypeIndex node : source.singular) {
    if (node >= first && keys_[moved(node)] == Hash128{}) still_singular.push_back(moved(node));
  }
  source.singular = std::move(still_singular);
  for (auto& [type, mark] : source.nameless_declarations) type = moved(type);
  // What has been looked at before, did not wait and stays where it is leads to nothing that moves.
  renumber(source, moved, first_moved_ < old_.types ? 0 : first);
  old_ = {source.types.size(), source.members.size(), source.enumerators.size(),
          source.bit_fields.size()};
  first_waiting_ = static_cast<TypeIndex>(std::find(keys_.begin() + first, keys_.end(), Hash128{}) -
                                          keys_.begin());
  return moved;
}

std::size_t TypeFolder::due_at(std::size_t least) const {
  return old_.types + std::max(least, first_waiting_ < old_.types ? old_.types / 2 : 0);
}

// Moves those that are kept to the front, and fills in `to_`.
void TypeFolder::keep_first_of_each(SourceTypes& source, TypeIndex first) {
  const auto count = static_cast<TypeIndex>(source.types.size());
  to_.resize(count - first);
  TypeIndex next = first;
  first_moved_ = count;
  for (TypeIndex node = first; node < count; ++node) {
    const Hash128 key = keys_[node];
    const TypeRecord type = source.types[node];
    TypeIndex kept = next;
    if (key == kDropped) {
      kept = 0;
    } else if (type.kind == kKindBitField) {
      keys_[next] = kBitField;
    } else if (key == kWaits) {
      keys_[next] = {};
    } else {
      kept = find_or_add(key, next);
    }
    to_[node - first] = kept;
    if (kept == next) {
      source.types[next++] = type;
      continue;
    }
    first_moved_ = std::min(first_moved_, node);
    for (const auto& field : bit_fields_of(source, type)) keys_[field.bit_field] = kDropped;
  }
  source.types.resize(next);
  keys_.resize(next);
}

// The node that has the key; `next` if none has, which has it then.
TypeIndex TypeFolder::find_or_add(const Hash128& key, TypeIndex next) {
  if (2 * (in_slots_ + 1) > slots_.size()) {
    std::vector<std::uint32_t> old(std::max<std::size_t>(1024, slots_.size() * 2));
    old.swap(slots_);
    for (const std::uint32_t slot : old) {
      if (slot != 0) slots_[slot_of(keys_[slot - 1])] = slot;
    }
  }
  std::uint32_t& slot = slots_[slot_of(key)];
  if (slot != 0) return slot - 1;
  keys_[next] = key;
  slot = next + 1;
  ++in_slots_;
  return next;
}

std::size_t TypeFolder::slot_of(const Hash128& key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.high & mask;
  while (slots_[at] != 0 && !(keys_[slots_[at] - 1] == key)) at = (at + 1) & mask;
  return at;
}

void TypeFolder::forget_slots_from(TypeIndex first) {
  std::vector<std::uint32_t> old(slots_.size());
  old.swap(slots_);
  in_slots_ = 0;
  for (const std::uint32_t slot : old) {
    if (slot == 0 || slot > first) continue;
    slots_[slot_of(keys_[slot - 1])] = slot;
    ++in_slots_;
  }
}

// Of the nodes from `from` on: puts in the new numbers, and moves what has been added to the tables since the last time together.
void TypeFolder::renumber(SourceTypes& source, const Renumbering& moved, TypeIndex from) {
  std::vector<MemberRecord> members;
  std::vector<EnumeratorRecord> enumerators;
  std::vector<SourceTypes::PendingBitField> bit_fields;
  if (from == 0) {
    for (std::size_t i = 0; i < old_.bit_fields; ++i) {
      SourceTypes::PendingBitField field = source.bit_fields[i];
      field.bit_field = moved(field.bit_field);
      if (field.bit_field != 0)
        bit_fields.push_back(field);  // else of a composite that waited, and is not kept
    }
    old_.bit_fields = 0;
  }
  for (TypeIndex node = from; node < source.types.size(); ++node) {
    TypeRecord& type = source.types[node];
    if (has_target(type)) type.target = moved(type.target);
    if (is_member_pointer(type)) type.first = moved(type.first);
    if (type.kind == Kind::enumeration && type.first >= old_.enumerators) {
      const auto own = source.enumerators_of(type);
      type.first = static_cast<std::uint32_t>(old_.enumerators + enumerators.size());
      enumerators.insert(enumerators.end(), own.begin(), own.end());
    }
    if (!has_members(type)) continue;
    const auto own = source.members_of(type);
    for (MemberRecord& member : own) member.type = moved(member.type);
    if (type.first < old_.members) continue;
    const auto first = static_cast<std::uint32_t>(old_.members + members.size());
    for (SourceTypes::PendingBitField field : bit_fields_of(source, type)) {
      field.member = field.member - type.first + first;
      field.bit_field = moved(field.bit_field);
      bit_fields.push_back(field);
    }
    type.first = first;
    members.insert(members.end(), own.begin(), own.end());
  }
  const auto replace_new = [](auto& table, std::size_t old, const auto& by) {
    table.resize(old);
    table.insert(table.end(), by.begin(), by.end());
  };
  replace_new(source.members, old_.members, members);
  replace_new(source.enumerators, old_.enumerators, enumerators);
  replace_new(source.bit_fields, old_.bit_fields, bit_fields);
}

}  // namespace allocs::types
