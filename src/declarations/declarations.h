// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/configuration.h"
#include "declarations/container_rule.h"
#include "declarations/declaration.h"

namespace allocs::declarations {

// What each of kDeclaringVariables declares.
inline constexpr Role kVariableRoles[] = {Role::allocates, Role::computes_size, Role::frees,
                                          Role::suballocates, Role::takes_piece_back};
static_assert(std::size(kVariableRoles) == std::size(kDeclaringVariables));

// A table of declarations, one for each name. Of those that are added for one name the last counts, so what is nearer to the user
// is added later. Pointers to declarations live as long as the table.
class Declarations {
 public:
  // With what is built in: libraries.allocs beside this file.
  static Declarations of_libraries();

  // The text of a configuration file. What is malformed is passed over, and told in problems().
  void add_file(std::string_view file, std::string_view text);
  // The value of an environment variable: signatures with blanks between them.
  void add_variable(std::string_view variable, Role role, std::string_view value);
  // kConfigurationVariable names a file that cannot be read.
  void add_missing(std::string_view file);

  // nullptr if nothing is declared of it.
  const Declaration* find(std::string_view name) const;
  const std::vector<std::unique_ptr<Declaration>>& all() const { return all_; }
  // Rules for containers that were read, in order.
  const std::vector<ContainerRule>& containers() const { return containers_; }
  bool has_users() const { return has_users_; }
  // Whether any of them makes pieces or takes them back.
  bool has_pieces() const;

  // "file:line:column: what is expected", in the order of reading.
  const std::vector<std::string>& problems() const { return problems_; }
  // "file:line:column: what is understood, but without effect so far".
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Place {
    std::string file;
    std::size_t line = 1;
    std::string text(std::size_t column) const;  // from 0
  };
  void add_line(std::string_view line, const Place& place, std::string& library);
  void add(Declaration declaration, const Place& place, std::size_t column);
  void complain(const Place& place, std::size_t column, const std::string& text);

  std::vector<std::unique_ptr<Declaration>> all_;
  std::unordered_map<std::string_view, const Declaration*> by_name_;
  std::vector<ContainerRule> containers_;
  std::vector<std::string> problems_;
  std::vector<std::string> warnings_;
  bool are_users_ = true;  // what is added now
  bool has_users_ = false;
};

// The rules for containers that are built in, behind the users': containers.allocs beside this file.
const std::vector<ContainerRule>& containers_of_libraries();

}  // namespace allocs::declarations
