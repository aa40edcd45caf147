// SPDX-License-Identifier: Apache-2.0
#include "declarations/declarations.h"

#include <algorithm>
#include <optional>

#include "declarations/libraries.h"
#include "declarations/words.h"

namespace allocs::declarations {

namespace {

struct Keyword {
  std::string_view word;
  Role role;
};
constexpr Keyword kKeywords[] = {
    {"alloc", Role::allocates},
    {"allocsz", Role::computes_size},
    {"free", Role::frees},
    {"suballoc", Role::suballocates},
    {"subfree", Role::takes_piece_back},
    {"new", Role::new_one},
    {"new[]", Role::new_array},
    {"base", Role::base},
};

std::optional<Role> role_of(std::string_view word) {
  const auto* const found = std::find_if(std::begin(kKeywords), std::end(kKeywords),
                                         [&](const Keyword& k) { return k.word == word; });
  return found == std::end(kKeywords) ? std::nullopt : std::optional{found->role};
}

// Of what is understood, but changes nothing so far.
const char* without_effect(const Declaration& declaration) {
  if (!declaration.file.empty())
    return "the object file is not looked at: every function of that name is meant";
  switch (declaration.role) {
    case Role::suballocates:
      if (declaration.tells_pieces()) return nullptr;
      return declaration.may_be_counted()
                 ? "its pieces are not told apart, since a z in front of the size may be a number: "
                   "write N if it is, or i if it is not"
                 : "its pieces are not told apart: only those that are returned are";
    default:
      return nullptr;
  }
}

}  // namespace

std::string Declarations::Place::text(std::size_t column) const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column + 1);
}

Declarations Declarations::of_libraries() {
  Declarations built_in;
  built_in.are_users_ = false;
  built_in.add_file("libraries.allocs", kLibraries);
  built_in.are_users_ = true;
  return built_in;
}

void Declarations::add_file(std::string_view file, std::string_view text) {
  Place place{std::string(file), 0};
  std::string library;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++place.line;
    add_line(text.substr(0, end), place, library);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void Declarations::add_line(std::string_view line, const Place& place, std::string& library) {
  line = line.substr(0, line.find('#'));
  Words words(line);
  std::size_t column = 0;
  const std::string_view word = words.next(column);
  if (word.empty()) return;
  if (word == "library") {
    library = words.next(column);
    if (library.empty()) complain(place, column, "expected the soname of a library, or * for any");
    if (library == "*") library.clear();
    return;
  }
  if (word == "container") {
    ContainerRule rule;
    const std::size_t begin = words.place();
    if (const auto problem = parse_container(line.substr(begin), rule))
      return complain(place, begin + problem->at, problem->text);
    has_users_ = has_users_ || are_users_;
    containers_.push_back(std::move(rule));
    return;
  }
  const auto role = role_of(word);
  if (!role) {
    return complain(place, column,
                    "expected alloc, allocsz, free, suballoc, subfree, new, new[], container or "
                    "library, not '" +
                        std::string(word) + "'");
  }
  Declaration declaration;
  declaration.role = *role;
  declaration.library = library;
  const std::string_view signature = words.next(column);
  if (const auto problem = parse_signature(signature, declaration))
    return complain(place, column + problem->at, problem->text);
  const std::size_t signature_column = column;
  const std::string_view equals = words.next(column);
  if (!equals.empty() && equals != "=")
    return complain(place, column,
                    "expected = and what the function allocates, or the end of the line");
  if (!equals.empty()) {
    if (declaration.role != Role::allocates)
      return complain(place, column, "= is for alloc: what such a function allocates");
    if (const auto problem = parse_content(line.substr(words.place()), declaration.content))
      return complain(place, words.place() + problem->at, problem->text);
  }
  add(std::move(declaration), place, signature_column);
}

void Declarations::add_missing(std::string_view file) {
  problems_.push_back(std::string(file) + ": is no file that can be read; " +
                      std::string(kConfigurationVariable) + " names it");
}

void Declarations::add_variable(std::string_view variable, Role role, std::string_view value) {
  const Place place{std::string(variable), 1};
  Words words(value);
  std::size_t column = 0;
  for (std::string_view word = words.next(column); !word.empty(); word = words.next(column)) {
    Declaration declaration;
    declaration.role = role;
    if (const auto problem = parse_signature(word, declaration)) {
      complain(place, column + problem->at, problem->text);
    } else {
      add(std::move(declaration), place, column);
    }
  }
}

void Declarations::add(Declaration declaration, const Place& place, std::size_t column) {
  declaration.is_users = are_users_;
  has_users_ = has_users_ || are_users_;
  if (const char* const why = without_effect(declaration))
    warnings_.push_back(place.text(column) + ": " + declaration.name + ": " + why);
  all_.push_back(std::make_unique<Declaration>(std::move(declaration)));
  by_name_[all_.back()->name] = all_.back().get();
}

const Declaration* Declarations::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

bool Declarations::has_pieces() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& each) {
    return each->tells_pieces() || each->role == Role::takes_piece_back;
  });
}

void Declarations::complain(const Place& place, std::size_t column, const std::string& text) {
  problems_.push_back(place.text(column) + ": " + text);
}

const std::vector<ContainerRule>& containers_of_libraries() {
  static const Declarations built_in = [] {
    Declarations made;
    made.add_file("containers.allocs", kContainers);
    return made;
  }();
  return built_in.containers();
}

}  // namespace allocs::declarations
