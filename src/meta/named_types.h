// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "types/write/object_model.h"

namespace allocs::meta {

// The arguments of the outermost template in a comparable spelling: {"int", "std::allocator<int>"}. None if it is no
// instance of a template, or something of one.
std::vector<std::string_view> template_arguments(std::string_view spelling);

// Types by their names, as template arguments have them.
class NamedTypes {
 public:
  explicit NamedTypes(types::ObjectModel& model) : model_(model) {}

  // kNoType if there is none of that comparable spelling, or several. Adds pointer types to the model.
  types::TypeIndex find(std::string_view spelling);

 private:
  void collect();

  types::ObjectModel& model_;
  bool is_collected_ = false;
  std::unordered_map<std::string, std::vector<types::TypeIndex>> by_name_;
};

}  // namespace allocs::meta
