// SPDX-License-Identifier: Apache-2.0
#include "meta/virtual_tables.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace allocs::meta {

using types::kNoType;
using types::TypeIndex;

namespace {

constexpr std::int64_t kAddressPoint =
    16;  // offset to top and type information come first (Itanium C++ ABI 2.5.2)
constexpr std::string_view kTablePrefix = "_ZTV";

std::string without_blanks(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ') result += c;
  }
  return result;
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
    tables_.emplace(symbol.value, symbol.name);
  }
  if (tables_.empty()) return;
  for (TypeIndex type = 0; type < graph.size(); ++type) {
    const types::TypeRecord& record = graph[type];
    if (record.kind != types::Kind::composite) continue;
    if ((record.flags & (types::kTypeIncomplete | types::kTypeAnonymous)) != 0) continue;
    const std::string_view name = strings[record.human_name != 0 ? record.human_name : record.name];
    const auto [at, is_new] = classes_.try_emplace(without_blanks(name), type);
    if (!is_new) at->second = kNoType;
  }
}

TypeIndex VirtualTables::class_of(const AtomTable& atoms, const Value& value) const {
  if (value.addend < kAddressPoint) return kNoType;
  if (value.is_constant()) {
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

TypeIndex VirtualTables::class_named(std::string_view symbol) const {
  if (!symbol.starts_with(kTablePrefix)) return kNoType;
  const std::string name = without_blanks(demangled_type(symbol.substr(kTablePrefix.size())));
  const auto found = classes_.find(name);
  return found == classes_.end() ? kNoType : found->second;
}

}  // namespace allocs::meta
