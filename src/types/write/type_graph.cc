// SPDX-License-Identifier: Apache-2.0
#include "types/write/type_graph.h"

#include <algorithm>

#include "types/write/source_types.h"
#include "types/write/type_hashing.h"
#include "types/write/type_names.h"

namespace allocs::types {

TypeGraph::TypeGraph(StringPool& strings) : strings_(&strings) {
  TypeRecord nothing;
  nothing.hash = hash_of_void();
  nothing.name = nothing.human_name = strings.add("void");
  add(nothing);
}

TypeGraph::TypeGraph(StringPool& strings, TypeTables tables, std::vector<AliasRecord> aliases)
    : strings_(&strings), tables_(std::move(tables)), aliases_(std::move(aliases)) {
  by_hash_.reserve(tables_.types.size() * 2);
  for (TypeIndex index = 0; index < tables_.types.size(); ++index) {
    by_hash_.emplace(tables_.types[index].hash, index);
  }
}

std::span<const MemberRecord> TypeGraph::members_of(TypeIndex type) const {
  return tables_.members_of(tables_.types[type]);
}

std::span<const EnumeratorRecord> TypeGraph::enumerators_of(TypeIndex type) const {
  return tables_.enumerators_of(tables_.types[type]);
}

TypeIndex TypeGraph::pointer_to(TypeIndex type) {
  TypeRecord record;
  record.kind = Kind::address;
  record.detail = static_cast<std::uint8_t>(AddressKind::pointer);
  record.size = 8;
  record.target = type;
  record.hash = hash_of_address(AddressKind::pointer, tables_.types[type].hash);
  return add(record);
}

TypeIndex TypeGraph::array_of(TypeIndex type, std::uint64_t count) {
  TypeRecord record;
  record.kind = Kind::array;
  record.count =
      count == 0 ? kUnbounded : count;  // of no elements and of unknown length are one type
  record.target = type;
  record.hash = hash_of_array(tables_.types[type].hash, record.count);
  const std::uint64_t element = tables_.types[type].size;
  const bool unknown = record.count == kUnbounded || element == kUnknownSize;
  if (unknown || __builtin_mul_overflow(element, record.count, &record.size))
    record.size = kUnknownSize;
  return add(record);
}

TypeIndex TypeGraph::flexible_of(TypeIndex type, TypeIndex element) {
  const std::uint64_t head_size = tables_.types[type].size;
  const std::uint64_t tail_alignment = alignment_of(element);
  if (head_size == kUnknownSize || head_size % tail_alignment != 0) return kNoType;
  const TypeIndex tail = unbounded_array_of(element);
  const auto text = [&](StringRef name) { return std::string{(*strings_)[name]}; };
  const std::string name =
      "__FLEX_" + text(tables_.types[type].name) + "__" + text(tables_.types[tail].name);
  const std::string human_name = "struct { " + text(tables_.types[type].human_name) + "; " +
                                 text(tables_.types[tail].human_name) + "; }";
  const MemberRecord members[] = {{0, strings_->add("head"), type, 0, 0},
                                  {head_size, strings_->add("tail"), tail, 0, kMemberFlexible}};
  const std::uint64_t alignment = std::max(alignment_of(type), tail_alignment);
  const TypeIndex made =
      structure(strings_->add(name), members, (head_size + alignment - 1) / alignment * alignment);
  tables_.types[made].human_name = strings_->add(human_name);
  return made;
}

TypeIndex TypeGraph::one_of(std::span<const TypeIndex> types) {
  const auto text = [&](StringRef name) { return std::string{(*strings_)[name]}; };
  std::vector<TypeIndex> all{types.begin(), types.end()};
  for (const TypeIndex type : all) {
    if (type == kNoType || tables_.types[type].size == kUnknownSize) return kNoType;
  }
  const auto key = [&](TypeIndex type) { return std::pair{text(tables_.types[type].name), type}; };
  std::sort(all.begin(), all.end(), [&](TypeIndex a, TypeIndex b) { return key(a) < key(b); });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.empty()) return kNoType;
  if (all.size() == 1) return all.front();
  std::string name = "__ONE_OF";
  std::string_view between = "_";
  std::string human_name = "union {";
  std::vector<MemberRecord> members;
  std::uint64_t size = 0, alignment = 1;
  for (const TypeIndex type : all) {
    const TypeRecord& record = tables_.types[type];
    name.append(between).append(text(record.name));
    between = "__";
    human_name += " " + text(record.human_name) + ";";
    members.push_back({0, record.name, type, 0, 0});
    size = std::max(size, record.size);
    alignment = std::max(alignment, alignment_of(type));
  }
  const TypeIndex made = composite(CompositeKind::union_, strings_->add(name), members,
                                   (size + alignment - 1) / alignment * alignment);
  tables_.types[made].human_name = strings_->add(human_name + " }");
  return made;
}

TypeIndex TypeGraph::base_type(std::uint8_t encoding, std::uint64_t size,
                               std::string_view human_name, FloatFormat format) {
  TypeRecord record;
  record.kind = Kind::base;
  record.detail = encoding;
  record.size = size;
  record.flags = type_flags_of(format);
  record.hash = hash_of_base(encoding, size, 0, 0, format);
  if (!human_name.empty()) record.human_name = strings_->add(human_name);
  return add(record);
}

TypeIndex TypeGraph::structure(StringRef name, std::span<const MemberRecord> members,
                               std::uint64_t size) {
  return composite(CompositeKind::structure, name, members, size);
}

TypeIndex TypeGraph::composite(CompositeKind kind, StringRef name,
                               std::span<const MemberRecord> members, std::uint64_t size) {
  TypeRecord record;
  record.kind = Kind::composite;
  record.detail = static_cast<std::uint8_t>(kind);
  record.name = record.human_name = name;
  record.size = size;
  record.count = members.size();
  record.first = static_cast<std::uint32_t>(tables_.members.size());
  tables_.members.insert(tables_.members.end(), members.begin(), members.end());
  record.hash = hash_of_one(record, tables_, *strings_);
  if (const TypeIndex known = find(record.hash); known != kNoType) {
    tables_.members.resize(record.first);
    return known;
  }
  return add(record);
}

std::uint64_t TypeGraph::alignment_of(TypeIndex type) const {
  constexpr int kMostHops = 16;
  constexpr std::uint64_t kMost = 16;  // of a base type on x86-64
  std::uint64_t alignment = 1;
  std::vector<std::pair<TypeIndex, int>> todo{{type, 0}};
  constexpr std::size_t kMostTypes = 1000;
  for (std::size_t i = 0; i < todo.size() && i < kMostTypes; ++i) {
    const auto [at, hops] = todo[i];
    if (at == kNoType || hops > kMostHops) continue;
    const TypeRecord& record = tables_.types[at];
    alignment = std::max(alignment, std::uint64_t{1} << std::min<unsigned>(record.align_log2, 62));
    switch (record.kind) {
      case Kind::base:
      case Kind::enumeration:
      case Kind::address: {
        const bool is_power = record.size != 0 && (record.size & (record.size - 1)) == 0;
        if (is_power) alignment = std::max(alignment, std::min(record.size, kMost));
        break;
      }
      case Kind::array:
      case Kind::subrange:
        todo.emplace_back(record.target, hops + 1);
        break;
      case Kind::composite:
        for (const MemberRecord& member : members_of(at)) todo.emplace_back(member.type, hops + 1);
        break;
      default:
        break;
    }
  }
  return alignment;
}

TypeIndex TypeGraph::find(const Hash128& hash) const {
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? kNoType : found->second;
}

TypeIndex TypeGraph::add(TypeRecord record) {
  if (const TypeIndex known = find(record.hash); known != kNoType) return known;
  const auto index = static_cast<TypeIndex>(tables_.types.size());
  tables_.types.push_back(record);
  TypeRecord& added = tables_.types.back();
  if (added.kind != Kind::composite)
    added.name = strings_->add(canonical_name(added, tables_, *strings_));
  if (added.human_name == 0) {
    if (added.kind == Kind::base) added.human_name = added.name;
    added.human_name = strings_->add(Speller{tables_, *strings_}.spell(index));
  }
  by_hash_.emplace(record.hash, index);
  return index;
}

}  // namespace allocs::types
