// SPDX-License-Identifier: Apache-2.0
#include "types/write/type_hashing.h"

#include "types/type_hash.h"
#include "types/write/component_hasher.h"

namespace allocs::types {

namespace {

constexpr std::uint64_t kDeclarationMark = 0xDEC1u;

void add_own_content(Hasher& hasher, const TypeRecord& type, const TypeTables& tables,
                     const StringPool& strings) {
  switch (type.kind) {
    case Kind::composite: {
      auto detail = static_cast<CompositeKind>(type.detail);
      if (detail == CompositeKind::class_) detail = CompositeKind::structure;
      hasher.add(static_cast<std::uint64_t>(detail));
      hasher.add(strings.hash_of(type.name));
      if ((type.flags & kTypeIncomplete) != 0) return hasher.add(kDeclarationMark);
      hasher.add(type.size);
      hasher.add(type.count);
      for (const MemberRecord& member : tables.members_of(type)) {
        hasher.add(member.offset);
        hasher.add(strings.hash_of(member.name));
        hasher.add(std::uint64_t{member.flags});
      }
      return;
    }
    case Kind::enumeration:
      hasher.add(strings.hash_of(type.name));
      if ((type.flags & kTypeIncomplete) != 0) return hasher.add(kDeclarationMark);
      hasher.add(type.size);
      hasher.add(type.count);
      for (const EnumeratorRecord& enumerator : tables.enumerators_of(type)) {
        hasher.add(static_cast<std::uint64_t>(enumerator.value));
        hasher.add(strings.hash_of(enumerator.name));
      }
      return;
    case Kind::subprogram:
      hasher.add(std::uint64_t{type.flags} & kTypeVariadic);
      hasher.add(type.count);
      return;
    case Kind::subrange:
      hasher.add(type.count);
      hasher.add(tables.members_of(type)[0].offset);
      return;
    default:
      return;
  }
}

// The hash of a type whose parts have the hashes that `part(i)` gives.
template <typename PartHash>
Hash128 hash_of(const TypeRecord& type, const TypeTables& tables, const StringPool& strings,
                PartHash part) {
  switch (type.kind) {
    case Kind::void_:
      return hash_of_void();
    case Kind::base:
      return hash_of_base(type.detail, type.size, type.bit_size, type.bit_offset,
                          float_format(type.flags), (type.flags & kTypeBigEndian) != 0);
    case Kind::address: {
      const auto kind = static_cast<AddressKind>(type.detail);
      if (kind != AddressKind::member_pointer) return hash_of_address(kind, part(0));
      // Its class counts by name: by content, the class of a member that points to its own members would never end.
      Hasher hasher = type_hasher(Kind::address);
      hasher.add(strings.hash_of(type.file));
      hasher.add(hash_of_address(kind, part(0)));
      return hasher.finish();
    }
    case Kind::array:
      return hash_of_array(part(0), type.count);
    default: {
      Hasher hasher = type_hasher(type.kind);
      add_own_content(hasher, type, tables, strings);
      for (std::size_t i = 0; i < edge_count(type); ++i) hasher.add(part(i));
      return hasher.finish();
    }
  }
}

// What ComponentHasher hashes for images: the types that merging leaves, each as types/type_hash.h tells.
class TypesByContent {
 public:
  TypesByContent(const TypeTables& tables, const StringPool& strings,
                 std::span<const TypeIndex> stands_for)
      : tables_(tables), strings_(strings), stands_for_(stands_for) {}

  bool takes_part(TypeIndex node) const { return stands_for_[node] == node; }
  std::size_t edge_count(TypeIndex node) const { return types::edge_count(tables_.types[node]); }
  TypeIndex child(TypeIndex node, std::size_t edge) const {
    const TypeIndex target = edge_of(tables_.types[node], tables_, edge);
    return target == kNoType ? stands_for_[0] : stands_for_[target];
  }
  bool is_composite(TypeIndex node) const { return tables_.types[node].kind == Kind::composite; }
  template <typename PartHash>
  Hash128 formula(TypeIndex node, PartHash part) const {
    return hash_of(tables_.types[node], tables_, strings_, part);
  }
  static bool settle(std::span<const TypeIndex>, std::vector<Hash128>&) { return false; }

 private:
  const TypeTables& tables_;
  const StringPool& strings_;
  std::span<const TypeIndex> stands_for_;
};

}  // namespace

std::size_t edge_count(const TypeRecord& type) {
  switch (type.kind) {
    case Kind::array:
    case Kind::address:
    case Kind::subrange:
      return 1;
    case Kind::composite:
      return type.count;
    case Kind::subprogram:
      return 1 + type.count;
    default:
      return 0;
  }
}

TypeIndex edge_of(const TypeRecord& type, const TypeTables& tables, std::size_t index) {
  if (type.kind == Kind::composite) return tables.members[type.first + index].type;
  return index == 0 ? type.target : tables.members[type.first + index - 1].type;
}

Hash128 hash_of_one(const TypeRecord& type, const TypeTables& tables, const StringPool& strings) {
  return hash_of(type, tables, strings, [&](std::size_t edge) {
    const TypeIndex part = edge_of(type, tables, edge);
    return tables.types[part == kNoType ? 0 : part].hash;
  });
}

Hash128 own_content_hash(const TypeRecord& type, const TypeTables& tables,
                         const StringPool& strings) {
  return hash_of(type, tables, strings, [](std::size_t) { return kInsideComponent; });
}

std::vector<Hash128> hash_types(const TypeTables& tables, const StringPool& strings,
                                std::span<const TypeIndex> stands_for) {
  TypesByContent graph{tables, strings, stands_for};
  std::vector<Hash128> hashes(tables.types.size());
  ComponentHasher{graph, hashes, 0}.run();
  return hashes;
}

}  // namespace allocs::types
