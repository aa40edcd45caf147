// SPDX-License-Identifier: Apache-2.0
#include "meta/listed_types.h"

#include <dwarf.h>

#include <algorithm>
#include <charconv>

#include "meta/type_spelling.h"

// A list has canonical names, so a name is taken apart from the left: __PTR___ARR3_node is a pointer to an array of three of what
// is called "node". That last part decides: a base type is made if need be; a structure, union or enumeration must be in the object,
// once, with the size that clang knows (unless only a pointer to it is asked for) and declared in the file that clang says. Where
// one file declares several of a name (in functions, or by way of the preprocessor), the line must agree as well.
namespace allocs::meta {

using types::kNoType;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr int kDeepest = 64;

bool is_tagged(const TypeRecord& type) {
  return type.kind == types::Kind::composite || type.kind == types::Kind::enumeration;
}

// Removes `prefix` from `text` if it is there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct BaseStem {
  std::string_view stem;
  std::uint8_t encoding;
  types::FloatFormat format = types::FloatFormat::by_size;
};
constexpr BaseStem kBaseStems[] = {
    {"int", DW_ATE_signed},
    {"uint", DW_ATE_unsigned},
    {"signed_char", DW_ATE_signed_char},
    {"unsigned_char", DW_ATE_unsigned_char},
    {"float", DW_ATE_float},
    {"boolean", DW_ATE_boolean},
    {"complex_float", DW_ATE_complex_float},
    {"utf", DW_ATE_UTF},
    {"binary128", DW_ATE_float, types::FloatFormat::binary128},
    {"complex_binary128", DW_ATE_complex_float, types::FloatFormat::binary128},
    {"bfloat16", DW_ATE_float, types::FloatFormat::bfloat16},
};

}  // namespace

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

ListedTypes::ListedTypes(types::ObjectModel& model) : model_(model) {
  const auto add = [&](types::StringRef name, TypeIndex type) {
    if (name == 0 || !is_tagged(model_.types[type])) return;
    std::vector<TypeIndex>& same = by_name_[comparable_spelling(model_.strings[name])];
    if (std::find(same.begin(), same.end(), type) == same.end()) same.push_back(type);
  };
  for (TypeIndex type = 0; type < model_.types.size(); ++type) {
    const TypeRecord& record = model_.types[type];
    add(record.name, type);
    if (record.kind == types::Kind::subprogram || record.kind == types::Kind::address)
      by_canonical_name_.emplace(model_.strings[record.name], type);
  }
  // C names many structures by a typedef only.
  for (const types::AliasRecord& alias : model_.types.aliases()) add(alias.name, alias.type);
}

TypeIndex ListedTypes::find(const ListedType& type) {
  const TypeIndex found = find(type.name, type, true, 0);
  if (found == kNoType || model_.types[found].size != type.size) return kNoType;
  return found;
}

std::vector<TypeIndex> ListedTypes::find_all(std::span<const ListedType> all) {
  std::vector<TypeIndex> found;
  for (const ListedType& type : all) found.push_back(find(type));
  if (std::count(found.begin(), found.end(), kNoType) == static_cast<std::ptrdiff_t>(all.size()))
    return {};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (found[i] == kNoType) found[i] = bytes_called(all[i]);
    if (found[i] == kNoType) return {};
  }
  return found;
}

// kNoType if the object has something of that name, which then is another, or if the name is made up or spelt in several ways.
TypeIndex ListedTypes::bytes_called(const ListedType& type) {
  constexpr std::uint64_t kMost = 1u << 20;
  const std::string_view name = type.name;
  const bool is_plain = !name.starts_with("__anon_") && name.find_first_of("<(") == name.npos;
  if (!is_plain || type.size == 0 || type.size > kMost) return kNoType;
  if (by_name_.contains(comparable_spelling(name))) return kNoType;
  const TypeIndex byte = model_.types.base_type(DW_ATE_signed_char, 1, "char");
  const types::MemberRecord all[] = {
      {0, model_.strings.add("bytes"), model_.types.array_of(byte, type.size), 0, 0}};
  return model_.types.structure(model_.strings.add(type.name), all, type.size);
}

TypeIndex ListedTypes::find(std::string_view name, const ListedType& outermost, bool is_sized,
                            int depth) {
  if (depth > kDeepest || name.empty()) return kNoType;
  if (const auto known = by_canonical_name_.find(name); known != by_canonical_name_.end())
    return known->second;
  if (take(name, "__PTR_")) {
    const TypeIndex target = find(name, outermost, false, depth + 1);
    return target == kNoType ? kNoType : model_.types.pointer_to(target);
  }
  if (take(name, "__ARR")) {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), count);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (error != std::errc{} || !take(name, "_")) return kNoType;
    // The size that the list tells is that of the whole array.
    const TypeIndex element = find(name, outermost, false, depth + 1);
    if (element == kNoType) return kNoType;
    return model_.types.array_of(element, count == 0 ? types::kUnbounded : count);
  }
  if (name == "void") return types::TypeGraph::kVoid;
  if (const TypeIndex found = base(name); found != kNoType) return found;
  return named(name, outermost, is_sized);
}

TypeIndex ListedTypes::base(std::string_view name) {
  const std::size_t dollar = name.rfind('$');
  if (dollar == name.npos) return kNoType;
  std::uint64_t bits = 0;
  const std::string_view digits = name.substr(dollar + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool is_whole = error == std::errc{} && end == digits.data() + digits.size() &&
                        bits % 8 == 0 && bits > 0 && bits <= 256;
  if (!is_whole) return kNoType;
  for (const BaseStem& one : kBaseStems) {
    if (name.substr(0, dollar) == one.stem)
      return model_.types.base_type(one.encoding, bits / 8, {}, one.format);
  }
  return kNoType;
}

TypeIndex ListedTypes::named(std::string_view name, const ListedType& outermost, bool is_sized) {
  const auto found = by_name_.find(comparable_spelling(name));
  if (found == by_name_.end()) return kNoType;
  std::vector<TypeIndex> fitting;
  for (const TypeIndex type : found->second) {
    const TypeRecord& record = model_.types[type];
    if (is_sized && record.size != outermost.size) continue;
    if (is_declared_there(record, outermost)) fitting.push_back(type);
  }
  if (fitting.size() > 1) {
    std::erase_if(fitting, [&](TypeIndex type) {
      return model_.types[type].line != outermost.line || outermost.line == 0;
    });
  }
  return fitting.size() == 1 ? fitting.front() : kNoType;
}

bool ListedTypes::is_declared_there(const TypeRecord& record, const ListedType& type) const {
  if (record.file == 0 || type.file.empty()) return true;  // a declaration has no place
  return file_name(model_.strings[record.file]) == file_name(type.file);
}

}  // namespace allocs::meta
