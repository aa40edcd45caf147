// SPDX-License-Identifier: Apache-2.0
#include "meta/virtual_tables.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "meta/type_spelling.h"

namespace allocs::meta {

using types::kNoType;
using types::TypeIndex;

namespace {

constexpr std::int64_t kAddressPoint =
    16;  // offset to top and type information come first (Itanium C++ ABI 2.5.2)
constexpr std::string_view kTablePrefix = "_ZTV";

// Has the class a pointer to a virtual table, or a base class that may have one?
bool may_have_table(const types::TypeGraph& graph, TypeIndex type,
                    const types::StringPool& strings) {
  constexpr std::uint32_t kSigns =
      types::kMemberBaseClass | types::kMemberVirtualBase | types::kMemberArtificial;
  const auto members = graph.members_of(type);
  return std::any_of(members.begin(), members.end(), [&](const types::MemberRecord& member) {
    return (member.flags & kSigns) != 0 || strings[member.name].starts_with("_vptr");
  });
}

// "N7leveldb5BlockE" -> "leveldb::Block"; empty if it is no mangled type.
std::string demangled_type(std::string_view mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text{
      abi::__cxa_demangle(std::string{mangled}.c_str(), nullptr, nullptr, &status), &std::free};
  return status == 0 ? text.get() : "";
}

}  // namespace

VirtualTables::VirtualTables(const ObjectFiles& files, const Linkage& linkage,
                             const types::TypeGraph& graph, const types::StringPool& strings)
    : linkage_(linkage) {
  for (const Symbol& symbol : files.symbols) {
    if (symbol.section == SHN_UNDEF || !symbol.name.starts_with(kTablePrefix)) continue;
    const auto [first, is_first] = places_.try_emplace(symbol.name, symbol.value);
    if (!is_first && first->second != symbol.value) first->second = kSeveralPlaces;
    tables_.emplace(symbol.value, symbol.name);
    find_address_point(*files.object, symbol);
  }
  if (tables_.empty()) return;
  for (TypeIndex type = 0; type < graph.size(); ++type) {
    const types::TypeRecord& record = graph[type];
    if (record.kind != types::Kind::composite) continue;
    if ((record.flags & (types::kTypeIncomplete | types::kTypeAnonymous)) != 0) continue;
    if (!may_have_table(graph, type, strings)) continue;
    const std::string_view name = strings[record.human_name != 0 ? record.human_name : record.name];
    const auto [at, is_new] = classes_.try_emplace(comparable_spelling(name), type);
    if (!is_new) at->second = kNoType;
  }
}

TypeIndex VirtualTables::class_of(const AtomTable& atoms, const Value& value) const {
  if (value.addend < kAddressPoint) return kNoType;
  if (value.is_constant()) {
    const auto point = address_points_.find(static_cast<std::uint64_t>(value.addend));
    if (point != address_points_.end()) return class_named(point->second);
    const auto table = tables_.find(static_cast<std::uint64_t>(value.addend - kAddressPoint));
    return table == tables_.end() ? kNoType : class_named(table->second);
  }
  const Atom& atom = atoms[value.atom];
  if (value.addend != kAddressPoint || atom.kind != AtomKind::load) return kNoType;
  const auto slot = static_cast<std::uint64_t>(atoms.access_of(atom).place.displacement);
  const Callee table = linkage_.callee_in_slot(slot);
  if (!table.name.empty()) return class_named(table.name);
  const auto local = tables_.find(table.address);
  return local == tables_.end() ? kNoType : class_named(local->second);
}

// A symbol stands for all tables of a class, its own first. In front of where objects point lie offsets of virtual bases, as many as it
// takes, then the offset to the start of the object, which is 0 in this table, and the pointer to the type information, or 0 without
// -frtti; from there on pointers to functions. So the first pointer tells.
void VirtualTables::find_address_point(const ElfFile& object, const Symbol& symbol) {
  constexpr std::uint64_t kWord = 8, kHead = 2 * kWord, kMostVirtualBases = 1024;
  const std::uint64_t words = std::min(symbol.size / kWord, kMostVirtualBases);
  for (std::uint64_t at = symbol.value; at < symbol.value + words * kWord; at += kWord) {
    bool is_to_type_information = false;
    if (!holds_pointer(object, at, is_to_type_information)) continue;
    const std::uint64_t point = is_to_type_information ? at + kWord : at;
    if (point < symbol.value + kHead) return;
    const std::span<const std::byte> offset_to_top = object.bytes_at(point - kHead, kWord);
    const bool is_own =
        !offset_to_top.empty() && std::all_of(offset_to_top.begin(), offset_to_top.end(),
                                              [](std::byte each) { return each == std::byte{0}; });
    if (!is_own) return;
    const bool has_virtual_bases = point > symbol.value + kHead;
    if (has_virtual_bases && symbol.bind != STB_LOCAL) for_others_.insert(symbol.name);
    const auto [known, is_new] = address_points_.try_emplace(point, symbol.name);
    if (!is_new && known->second != symbol.name) known->second = {};
    return;
  }
}

bool VirtualTables::holds_pointer(const ElfFile& object, std::uint64_t at,
                                  bool& is_to_type_information) const {
  const Callee target = linkage_.callee_in_slot(at);
  std::uint64_t address = target.address;
  if (!target.known()) {
    const auto& pointers = linkage_.data_pointers();
    const auto pointer = std::lower_bound(
        pointers.begin(), pointers.end(), at,
        [](const DataPointer& each, std::uint64_t place) { return each.at < place; });
    if (pointer == pointers.end() || pointer->at != at) return false;
    address = pointer->target;
  }
  is_to_type_information =
      target.name.starts_with("_ZTI") || (address != 0 && !object.is_code(address));
  return true;
}

std::vector<types::VirtualTableRecord> VirtualTables::records(const types::TypeGraph& graph,
                                                              types::StringPool& strings) const {
  std::vector<types::VirtualTableRecord> found;
  for (const auto& [point, symbol] : address_points_) {
    const TypeIndex type = class_named(symbol);
    if (type == kNoType && for_others_.contains(symbol)) {
      const std::string name = name_for_others(symbol);
      if (!name.empty()) found.push_back({.address = point, .name = strings.add(name)});
      continue;
    }
    if (type == kNoType || graph[type].size == 0 || graph[type].size == types::kUnknownSize)
      continue;
    found.push_back({.address = point, .type = type});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return found;
}

// Classes of one name, local to several units: perhaps only one of them is described.
bool VirtualTables::has_several_places(std::string_view symbol) const {
  const auto place = places_.find(symbol);
  return place != places_.end() && place->second == kSeveralPlaces;
}

std::string VirtualTables::name_for_others(std::string_view symbol) const {
  if (has_several_places(symbol)) return {};
  return demangled_type(symbol.substr(kTablePrefix.size()));
}

TypeIndex VirtualTables::class_named(std::string_view symbol) const {
  if (!symbol.starts_with(kTablePrefix) || has_several_places(symbol)) return kNoType;
  const std::string name = comparable_spelling(demangled_type(symbol.substr(kTablePrefix.size())));
  const auto found = classes_.find(name);
  return found == classes_.end() ? kNoType : found->second;
}

}  // namespace allocs::meta
