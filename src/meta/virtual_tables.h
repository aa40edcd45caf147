// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

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

 private:
  types::TypeIndex class_named(std::string_view symbol) const;

  const Linkage& linkage_;
  std::unordered_map<std::uint64_t, std::string_view> tables_;  // start, symbol
  std::unordered_map<std::string, types::TypeIndex>
      classes_;  // by name without blanks; kNoType if there are two
};

}  // namespace allocs::meta
