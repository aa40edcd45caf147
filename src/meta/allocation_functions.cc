// SPDX-License-Identifier: Apache-2.0
#include "meta/allocation_functions.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace allocs::meta {
namespace {

using declarations::Content;
using declarations::Declaration;
using declarations::Role;

constexpr int kArgumentsInRegisters = 6;

int in_register(int parameter) {
  return parameter < kArgumentsInRegisters ? parameter : kNoArgument;
}

AllocationKind kind_of(const Declaration& declaration) {
  if (declaration.role == Role::new_one) return AllocationKind::new_one;
  if (declaration.role == Role::new_array) return AllocationKind::new_array;
  return declaration.content.shape == Content::Shape::nothing_said ? AllocationKind::plain
                                                                   : AllocationKind::typed;
}

AllocationFunction function_of(const Declaration& declaration) {
  AllocationFunction function;
  function.name = declaration.name;
  function.kind = kind_of(declaration);
  function.size = in_register(declaration.size());
  function.count = in_register(declaration.count());
  function.stored = in_register(declaration.stored());
  function.unit = declaration.unit;
  const bool count_is_lost =
      declaration.count() != Declaration::kNone && function.count == kNoArgument;
  function.may_be_counted = declaration.may_be_counted() || count_is_lost;
  function.declared = &declaration;
  return function;
}

std::string_view text_at(std::span<const std::byte> texts, std::uint64_t offset) {
  if (offset >= texts.size()) return {};
  const auto* from = reinterpret_cast<const char*>(texts.data()) + offset;
  return {from, strnlen(from, texts.size() - offset)};
}

std::string_view soname_of(const ElfFile& object) {
  const Section* dynamic = object.section(".dynamic");
  const Section* texts = object.section(".dynstr");
  if (dynamic == nullptr || texts == nullptr) return {};
  for (std::size_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic->bytes.size();
       at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    std::memcpy(&entry, dynamic->bytes.data() + at, sizeof entry);
    if (entry.d_tag == DT_SONAME) return text_at(texts->bytes, entry.d_un.d_val);
    if (entry.d_tag == DT_NULL) break;
  }
  return {};
}

// "f" of "f.cold": the seldom used part of a function, elsewhere.
std::string_view whole_function(std::string_view symbol) {
  return symbol.ends_with(".cold") ? symbol.substr(0, symbol.size() - 5) : symbol;
}

struct BaseType {
  std::string_view name;
  std::uint8_t encoding;  // DW_ATE_*
  std::uint64_t size;
};
constexpr BaseType kBaseTypes[] = {
    {"char", 6, 1}, {"unsigned char", 8, 1}, {"int", 5, 4}, {"wchar_t", 5, 4}};

// A whole type of that name. Names are compared with canonical ones and with typedefs.
types::TypeIndex type_named(std::string_view name, types::ObjectModel& model) {
  for (const BaseType& base : kBaseTypes) {
    if (base.name == name) return model.types.base_type(base.encoding, base.size, base.name);
  }
  const auto is_whole = [&](types::TypeIndex type) {
    return type != types::kNoType && (model.types[type].flags & types::kTypeIncomplete) == 0;
  };
  types::TypeIndex found = types::kNoType;
  bool is_ambiguous = false;
  const auto consider = [&](std::string_view its, types::TypeIndex type) {
    if (its != name || !is_whole(type) || type == found) return;
    is_ambiguous = is_ambiguous || found != types::kNoType;
    found = type;
  };
  for (types::TypeIndex type = 0; type < model.types.size(); ++type)
    consider(model.strings[model.types[type].name], type);
  for (const types::AliasRecord& alias : model.types.aliases())
    consider(model.strings[alias.name], alias.type);
  return is_ambiguous ? types::kNoType : found;
}

}  // namespace

DeclaredFunctions::DeclaredFunctions(const declarations::Declarations& table, const ElfFile& object)
    : soname_(soname_of(object)) {
  const std::string_view path = object.path();
  file_name_ = path.substr(path.rfind('/') + 1);
  for (const auto& declaration : table.all()) {
    if (!declaration->hands_out() || table.find(declaration->name) != declaration.get()) continue;
    longest_name_ = std::max(longest_name_, declaration->name.size());
    const auto added = by_name_.emplace(declaration->name, function_of(*declaration)).first;
    in_order_.push_back(&added->second);
  }
}

const AllocationFunction* DeclaredFunctions::find(std::string_view name) const {
  if (name.size() > longest_name_) return nullptr;  // as most mangled names
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

const AllocationFunction* DeclaredFunctions::find_own(std::string_view name) const {
  const AllocationFunction* found = find(name);
  return found != nullptr && is_of_object(*found->declared) ? found : nullptr;
}

bool DeclaredFunctions::is_of_object(const Declaration& declaration) const {
  const std::string_view library = declaration.library;
  return library.empty() || library == soname_ || library == file_name_;
}

void DeclaredFunctions::find_code(const types::ObjectModel& model) {
  for (const types::StaticRecord& record : model.statics) {
    if (record.kind != types::StaticKind::function || record.size == 0) continue;
    const types::StringRef symbol = record.linkage_name != 0 ? record.linkage_name : record.name;
    const AllocationFunction* function = find_own(whole_function(model.strings[symbol]));
    if (function == nullptr || function->declared->role != Role::allocates) continue;
    code_.push_back({record.address, record.address + record.size, function});
  }
  std::sort(code_.begin(), code_.end(), [](const Code& a, const Code& b) { return a.low < b.low; });
}

const AllocationFunction* DeclaredFunctions::around(std::uint64_t pc) const {
  const auto after =
      std::upper_bound(code_.begin(), code_.end(), pc,
                       [](std::uint64_t at, const Code& code) { return at < code.low; });
  if (after == code_.begin()) return nullptr;
  const Code& code = *std::prev(after);
  return pc < code.high ? code.function : nullptr;
}

types::TypeIndex type_of_content(const Content& content, types::ObjectModel& model) {
  types::TypeIndex type = type_named(content.name, model);
  if (type == types::kNoType) return type;
  for (unsigned i = 0; i < content.pointers; ++i) type = model.types.pointer_to(type);
  return content.shape == Content::Shape::array ? model.types.unbounded_array_of(type) : type;
}

types::Shape shape_of_content(const Content& content) {
  switch (content.shape) {
    case Content::Shape::one:
      return types::Shape::one;
    case Content::Shape::array:
      return types::Shape::array;
    case Content::Shape::at_least_one:
      return types::Shape::flexible;
    case Content::Shape::nothing_said:
      break;
  }
  return types::Shape::unknown;
}

}  // namespace allocs::meta
