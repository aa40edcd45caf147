// SPDX-License-Identifier: Apache-2.0
#include "meta/named_types.h"

#include <algorithm>

#include "meta/type_spelling.h"

namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::TypeIndex;

namespace {

bool take_back(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  while (text.ends_with(' ')) text.remove_suffix(1);
  return true;
}

}  // namespace

std::vector<std::string_view> template_arguments(std::string_view spelling) {
  const std::size_t begin = spelling.find('<');
  if (begin == spelling.npos) return {};
  std::vector<std::string_view> arguments;
  int depth = 0;
  std::size_t from = begin + 1;
  for (std::size_t at = begin; at < spelling.size(); ++at) {
    const char c = spelling[at];
    // "->" and operators do not occur in the names of types.
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    const bool is_closing = c == '>' || c == ')' || c == ']' || c == '}';
    if ((c == ',' && depth == 1) || (is_closing && depth == 1)) {
      if (at > from) arguments.push_back(spelling.substr(from, at - from));
      from = at + 1;
    }
    if (is_closing && --depth == 0)
      return at + 1 == spelling.size() ? arguments : std::vector<std::string_view>{};
  }
  return {};
}

void NamedTypes::collect() {
  is_collected_ = true;
  const auto add = [&](types::StringRef name, TypeIndex type) {
    if (name == 0) return;
    std::vector<TypeIndex>& same = by_name_[comparable_spelling(model_.strings[name])];
    if (std::find(same.begin(), same.end(), type) == same.end()) same.push_back(type);
  };
  for (TypeIndex type = 0; type < model_.types.size(); ++type) {
    const types::TypeRecord& record = model_.types[type];
    const bool is_whole_base = record.kind == Kind::base && record.bit_size == 0;
    if (record.kind == Kind::composite || record.kind == Kind::enumeration || is_whole_base)
      add(record.human_name, type);
  }
  for (const types::AliasRecord& alias : model_.types.aliases()) {
    const types::TypeRecord& record = model_.types[alias.type];
    if (record.kind == Kind::base && record.bit_size == 0) add(alias.name, alias.type);
  }
}

TypeIndex NamedTypes::find(std::string_view spelling) {
  if (!is_collected_) collect();
  unsigned pointers = 0;
  for (bool goes_on = true; goes_on;) {
    goes_on = take_back(spelling, "const") || take_back(spelling, "volatile");
    if (take_back(spelling, "*")) {
      goes_on = true;
      ++pointers;
    }
  }
  TypeIndex found = kNoType;
  if (spelling == "void") {
    found = types::TypeGraph::kVoid;
  } else if (const auto same = by_name_.find(std::string(spelling)); same != by_name_.end()) {
    // One that is only declared is the one that is whole.
    std::vector<TypeIndex> whole;
    for (const TypeIndex type : same->second) {
      if ((model_.types[type].flags & types::kTypeIncomplete) == 0) whole.push_back(type);
    }
    if (whole.size() == 1) found = whole.front();
    if (whole.empty() && same->second.size() == 1) found = same->second.front();
  }
  for (; pointers != 0 && found != kNoType; --pointers) found = model_.types.pointer_to(found);
  return found;
}

}  // namespace allocs::meta
