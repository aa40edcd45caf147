// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "meta/site_lists.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Finds the types that site lists name among those that the debug information described.
class ListedTypes {
 public:
  explicit ListedTypes(types::ObjectModel& model);

  // kNoType if there is none of that name, size and place of declaration, or if there are several. Pointers, arrays and base types
  // are made where the object has not got them; a structure that it has not got cannot be.
  types::TypeIndex find(const ListedType& type);
  // The same of structures of which a block may begin with any; empty if one cannot be found. Compilers leave out of the debug information what only `sizeof` names: such a one,
  // beside others that are described, is a structure of that name that consists of bytes, which may hold anything.
  std::vector<types::TypeIndex> find_all(std::span<const ListedType> all);

 private:
  types::TypeIndex find(std::string_view name, const ListedType& outermost, bool is_sized,
                        int depth);
  types::TypeIndex bytes_called(const ListedType& type);
  types::TypeIndex base(std::string_view name);
  types::TypeIndex named(std::string_view name, const ListedType& outermost, bool is_sized);
  bool is_declared_there(const types::TypeRecord& record, const ListedType& type) const;

  types::ObjectModel& model_;
  std::unordered_map<std::string, std::vector<types::TypeIndex>> by_name_;    // tagged types
  std::unordered_map<std::string_view, types::TypeIndex> by_canonical_name_;  // functions and such
};

// The last component of a path.
std::string_view file_name(std::string_view path);

}  // namespace allocs::meta
