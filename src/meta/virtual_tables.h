// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "meta/linkage.h"
#include "meta/values.h"
#include "types/write/type_graph.h"

namespace allocs::meta {

// Which class an object is of, by the virtual table that its first word points into.
class VirtualTables {
 public:
  // Nothing is copied but names: all must outlive this.
  VirtualTables(const ObjectFiles& files, const Linkage& linkage, const types::TypeGraph& graph,
                const types::StringPool& strings);

  // The class whose objects start with `value`; kNoType if it is no address in a class's own virtual table, or if the name says no
  // type for certain.
  types::TypeIndex class_of(const AtomTable& atoms, const Value& value) const;

  // What an image has of those whose content the object has and whose class is described whole: sorted. And of those with virtual bases of which that
  // is not certain, by name: another object may describe it, or of two classes here (std::x, std::__cxx11::x) only one has just that.
  std::vector<types::VirtualTableRecord> records(const types::TypeGraph& graph,
                                                 types::StringPool& strings) const;

 private:
  types::TypeIndex class_named(std::string_view symbol) const;
  bool has_several_places(std::string_view symbol) const;
  std::string name_for_others(std::string_view symbol) const;
  void find_address_point(const ElfFile& object, const Symbol& symbol);
  bool holds_pointer(const ElfFile& object, std::uint64_t at, bool& is_to_type_information) const;

  const Linkage& linkage_;
  static constexpr std::uint64_t kSeveralPlaces = ~std::uint64_t{0};
  std::unordered_map<std::uint64_t, std::string_view> tables_;  // start, symbol
  std::unordered_map<std::string_view, std::uint64_t> places_;  // symbol, start or kSeveralPlaces
  std::unordered_set<std::string_view>
      for_others_;  // symbols of tables with virtual bases that other objects may refer to
  std::unordered_map<std::uint64_t, std::string_view>
      address_points_;  // of the first table of those at a symbol: where objects point; no symbol if there are two
  std::unordered_map<std::string, types::TypeIndex>
      classes_;  // with virtual functions, by comparable_spelling(); kNoType if there are two
};

}  // namespace allocs::meta
