// SPDX-License-Identifier: Apache-2.0
//
// Every compile unit tells its types anew: libc has 244 000 type entries for 3 800 types. Merging takes three steps.
//
// 1. Equal trees. Hash all nodes as they are, keeping declarations and definitions apart, and keep the first of each
// hash. This is
//    linear and leaves a few thousand nodes.
//
// 2. Declarations. a.c knows `struct b` whole, b.c only declares it, so their `struct a { struct b *b; }` differ so
// far. Assume that
//    every declaration means the one definition of its name, and partition the small graph until it is stable: nodes are
//    together if nothing they lead to differs. If the definitions of a name end up in several classes, the name is ambiguous: its
//    declarations mean themselves, and the partition is done again. Names only ever become ambiguous, so this ends.
//
// 3. Hash what is left; these are the hashes of the image.
#include "types/write/merge_types.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "types/write/type_hashing.h"
#include "types/write/type_names.h"

namespace allocs::types {

namespace {

struct HashFirstWord {
  std::size_t operator()(const Hash128& hash) const { return hash.low; }
};

// Keeps the first type of each key. `index_of` says where each type of `from` went; types that stand for another go
// with it. `respell` may change the copies of members.
template <typename CopyMember>
TypeTables keep_first_of_each(const TypeTables& from, std::span<const Hash128> keys,
                              std::span<const TypeIndex> stands_for,
                              std::vector<TypeIndex>& index_of, CopyMember copy_member) {
  TypeTables kept;
  const std::size_t count = from.types.size();
  index_of.assign(count, kNoType);
  std::vector<TypeIndex> origin;
  std::unordered_map<Hash128, TypeIndex, HashFirstWord> first_of;
  first_of.reserve(count / 8);
  for (TypeIndex index = 0; index < count; ++index) {
    if (stands_for[index] != index) continue;
    const auto [at, is_new] =
        first_of.try_emplace(keys[index], static_cast<TypeIndex>(origin.size()));
    if (is_new) origin.push_back(index);
    index_of[index] = at->second;
  }
  for (TypeIndex index = 0; index < count; ++index) {
    if (stands_for[index] != index) index_of[index] = index_of[stands_for[index]];
  }
  const auto moved = [&](TypeIndex type) {
    return type == kNoType ? TypeIndex{0} : index_of[type];
  };
  kept.types.reserve(origin.size() + origin.size() / 8);  // some are derived from these later
  for (const TypeIndex index : origin) {
    TypeRecord type = from.types[index];
    if (type.target != kNoType || edge_count(type) != 0) type.target = moved(type.target);
    if (type.kind == Kind::base || type.kind == Kind::composite) type.target = kNoType;
    if (type.kind == Kind::enumeration) {
      const auto enumerators = from.enumerators_of(type);
      type.first = static_cast<std::uint32_t>(kept.enumerators.size());
      kept.enumerators.insert(kept.enumerators.end(), enumerators.begin(), enumerators.end());
    } else {
      const auto members = from.members_of(type);
      type.first = static_cast<std::uint32_t>(kept.members.size());
      for (const MemberRecord& member : members) {
        MemberRecord copy = copy_member(member);
        copy.type = moved(member.type);
        kept.members.push_back(copy);
      }
    }
    kept.types.push_back(type);
  }
  return kept;
}

std::size_t count_distinct(std::span<const Hash128> keys) {
  std::vector<std::uint32_t> slots(
      std::bit_ceil(keys.size() * 2 + 1));  // index + 1, by the hash's low bits
  std::size_t distinct = 0;
  for (std::uint32_t index = 0; index < keys.size(); ++index) {
    std::size_t at = keys[index].low & (slots.size() - 1);
    while (slots[at] != 0 && !(keys[slots[at] - 1] == keys[index]))
      at = (at + 1) & (slots.size() - 1);
    if (slots[at] != 0) continue;
    slots[at] = index + 1;
    ++distinct;
  }
  return distinct;
}

// Step 2. See the essay on top.
class DeclarationResolver {
 public:
  DeclarationResolver(const TypeTables& tables, const StringPool& strings) : tables_(tables) {
    const std::size_t count = tables.types.size();
    own_.reserve(count);
    for (const TypeRecord& type : tables.types)
      own_.push_back(own_content_hash(type, tables, strings));
    for (TypeIndex index = 0; index < count; ++index) {
      if (!is_tagged(index) || is_declaration(index)) continue;
      definitions_[tag_of(index)].push_back(index);
    }
    for (const auto& [tag, definitions] : definitions_) {
      if (!all_equal(definitions, own_)) ambiguous_.insert(tag);
    }
  }

  // Fills `stands_for` with each declaration's definition, and returns a key per type that is equal for equal types.
  std::vector<Hash128> run(std::vector<TypeIndex>& stands_for) {
    for (;;) {
      stands_for.resize(tables_.types.size());
      for (TypeIndex index = 0; index < stands_for.size(); ++index)
        stands_for[index] = meaning_of(index);
      std::vector<Hash128> classes = partition(stands_for);
      if (!find_ambiguous(classes)) return classes;
    }
  }

 private:
  bool is_tagged(TypeIndex index) const {
    const Kind kind = tables_.types[index].kind;
    return kind == Kind::composite || kind == Kind::enumeration;
  }
  bool is_declaration(TypeIndex index) const {
    return (tables_.types[index].flags & kTypeIncomplete) != 0;
  }

  // Name and sort of tag in one number; struct and class are one sort.
  std::uint64_t tag_of(TypeIndex index) const {
    const TypeRecord& type = tables_.types[index];
    const std::uint64_t sort = type.kind == Kind::enumeration ? 2
                               : static_cast<CompositeKind>(type.detail) == CompositeKind::union_
                                   ? 1
                                   : 0;
    return std::uint64_t{type.name} << 2 | sort;
  }

  bool all_equal(const std::vector<TypeIndex>& types, const std::vector<Hash128>& keys) const {
    return std::all_of(types.begin(), types.end(),
                       [&](TypeIndex t) { return keys[t] == keys[types[0]]; });
  }

  TypeIndex meaning_of(TypeIndex index) const {
    if (!is_tagged(index) || !is_declaration(index)) return index;
    const std::uint64_t tag = tag_of(index);
    const auto found = definitions_.find(tag);
    return found == definitions_.end() || ambiguous_.contains(tag) ? index : found->second.front();
  }

  // Splits classes until none contains two types whose parts are in different classes.
  std::vector<Hash128> partition(const std::vector<TypeIndex>& stands_for) const {
    std::vector<Hash128> classes = own_;
    std::vector<Hash128> next(classes.size());
    std::size_t distinct = 0;
    for (;;) {
      for (TypeIndex index = 0; index < classes.size(); ++index) {
        const TypeRecord& type = tables_.types[index];
        Hasher hasher;
        hasher.add(classes[index]);
        const std::size_t edges = edge_count(type);
        for (std::size_t i = 0; i < edges; ++i) {
          const TypeIndex part = edge_of(type, tables_, i);
          hasher.add(classes[part == kNoType ? 0 : stands_for[part]]);
        }
        next[index] = hasher.finish();
      }
      classes.swap(next);
      const std::size_t now = count_distinct(classes);
      if (now <= distinct) return classes;
      distinct = now;
    }
  }

  bool find_ambiguous(const std::vector<Hash128>& classes) {
    const std::size_t before = ambiguous_.size();
    for (const auto& [tag, definitions] : definitions_) {
      if (!all_equal(definitions, classes)) ambiguous_.insert(tag);
    }
    return ambiguous_.size() != before;
  }

  const TypeTables& tables_;
  std::vector<Hash128> own_;
  std::unordered_map<std::uint64_t, std::vector<TypeIndex>> definitions_;
  std::unordered_set<std::uint64_t> ambiguous_;
};

// Depends on records and names being final; arrays of arrays go through one another.
void settle_sizes(TypeTables& tables) {
  std::vector<std::uint8_t> state(tables.types.size(), 0);  // 1: being settled, 2: settled
  std::vector<TypeIndex> stack;
  for (TypeIndex start = 0; start < tables.types.size(); ++start) {
    stack.push_back(start);
    while (!stack.empty()) {
      const TypeIndex at = stack.back();
      TypeRecord& type = tables.types[at];
      const bool by_target = type.kind == Kind::array || type.kind == Kind::subrange ||
                             (type.kind == Kind::enumeration && type.size == 0);
      if (by_target && state[at] == 0 && type.target != kNoType && state[type.target] == 0) {
        state[at] = 1;
        stack.push_back(type.target);
        continue;
      }
      stack.pop_back();
      if (state[at] == 2) continue;
      state[at] = 2;
      if (type.kind == Kind::subprogram) type.size = 0;
      if (type.kind == Kind::address) {
        const bool to_method =
            static_cast<AddressKind>(type.detail) == AddressKind::member_pointer &&
            tables.types[type.target].kind == Kind::subprogram;
        type.size = to_method ? 16 : 8;
      }
      if (!by_target || type.target == kNoType) continue;
      const std::uint64_t part = tables.types[type.target].size;
      std::uint64_t size = part;
      if (type.kind == Kind::array) {
        const bool unknown = type.count == kUnbounded || part == kUnknownSize;
        if (unknown || __builtin_mul_overflow(type.count, part, &size)) size = kUnknownSize;
      }
      type.size = size;
    }
  }
}

// A struct may end in an array of as many elements as its allocation has room for.
void mark_flexible_members(TypeTables& tables) {
  for (const TypeRecord& type : tables.types) {
    if (type.kind != Kind::composite ||
        static_cast<CompositeKind>(type.detail) == CompositeKind::union_)
      continue;
    if (type.count == 0) continue;
    MemberRecord& last = tables.members_of(type).back();
    const TypeRecord& last_type = tables.types[last.type];
    if (last_type.kind == Kind::array && last_type.count == kUnbounded)
      last.flags |= kMemberFlexible;
  }
}

// The source's word for each base type: of several the shortest, then the first in the alphabet.
std::vector<StringRef> spellings(const SourceTypes& source, const std::vector<TypeIndex>& index_of,
                                 std::size_t merged, const StringPool& strings) {
  std::vector<StringRef> words(merged, 0);
  for (TypeIndex index = 0; index < source.types.size(); ++index) {
    const TypeRecord& type = source.types[index];
    if ((type.kind != Kind::base && type.kind != Kind::subrange) || type.name == 0) continue;
    StringRef& word = words[index_of[index]];
    if (word == type.name) continue;
    const std::string_view now = strings[word];
    const std::string_view other = strings[type.name];
    if (word == 0 || std::pair{other.size(), other} < std::pair{now.size(), now}) word = type.name;
  }
  return words;
}

std::vector<AliasRecord> aliases_of(const SourceTypes& source,
                                    const std::vector<TypeIndex>& index_of,
                                    const TypeTables& merged) {
  std::vector<AliasRecord> aliases;
  std::unordered_set<std::uint64_t> seen;
  for (TypeIndex index = 0; index < source.types.size(); ++index) {
    const TypeRecord& type = source.types[index];
    const bool is_spelling = type.kind == Kind::base || type.kind == Kind::subrange;
    if ((type.kind != kKindTypedef && !is_spelling) || type.name == 0) continue;
    const TypeIndex target = index_of[index];
    if (merged.types[target].name == type.name) continue;
    if (seen.insert(std::uint64_t{type.name} << 32 | target).second)
      aliases.push_back({type.name, target});
  }
  return aliases;
}

}  // namespace

MergedTypes merge_equal_types(SourceTypes& source, StringPool& strings) {
  name_anonymous_types(source, strings);
  name_member_classes(source);
  std::vector<TypeIndex> stands_for = see_through_aliases(source);
  settle_bit_fields(source, stands_for);
  stands_for = see_through_aliases(source);
  // Every source node is of a kind that images have, or stands for one that is.

  MergedTypes merged;
  std::vector<TypeIndex> to_small;
  const Speller speller{source, strings};
  const auto spell = [&](const MemberRecord& member) {
    MemberRecord copy = member;
    copy.alias = strings.add(speller.spell(member.type));
    return copy;
  };
  const TypeTables small = keep_first_of_each(source, hash_types(source, strings, stands_for),
                                              stands_for, to_small, spell);

  std::vector<TypeIndex> meaning;
  std::vector<TypeIndex> to_merged;
  const std::vector<Hash128> classes = DeclarationResolver{small, strings}.run(meaning);
  merged.tables = keep_first_of_each(small, classes, meaning, to_merged,
                                     [](const MemberRecord& m) { return m; });
  merged.index_of.reserve(to_small.size());
  for (const TypeIndex index : to_small) merged.index_of.push_back(to_merged[index]);
  // Every type now has exactly one node, and indices are final.

  TypeTables& tables = merged.tables;
  std::vector<TypeIndex> itself(tables.types.size());
  for (TypeIndex index = 0; index < itself.size(); ++index) itself[index] = index;
  const std::vector<Hash128> hashes = hash_types(tables, strings, itself);
  for (TypeIndex index = 0; index < hashes.size(); ++index)
    tables.types[index].hash = hashes[index];
  settle_sizes(tables);
  mark_flexible_members(tables);
  name_types(tables, strings, spellings(source, merged.index_of, tables.types.size(), strings));
  merged.aliases = aliases_of(source, merged.index_of, tables);
  for (TypeRecord& type : tables.types)
    type.flags &= static_cast<std::uint8_t>(~kTypeWithoutTagKeyword);
  for (MemberRecord& member : tables.members) {
    if (member.type != kNoType && member.alias == tables.types[member.type].human_name)
      member.alias = 0;
  }
  return merged;
}

}  // namespace allocs::types
