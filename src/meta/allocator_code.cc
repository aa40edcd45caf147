// SPDX-License-Identifier: Apache-2.0
#include "meta/allocator_code.h"

#include <algorithm>
#include <map>
#include <utility>

#include "meta/typed_places.h"

namespace allocs::meta {

using types::FunctionRecord;
using types::kNoType;
using types::ObjectModel;
using types::SiteRecord;
using types::TypeIndex;

namespace {

// What the site's type is of: T of T[].
TypeIndex element_of(const SiteRecord& site, const types::TypeGraph& types) {
  if (site.type == kNoType) return kNoType;
  const types::TypeRecord& type = types[site.type];
  return site.shape == types::Shape::array && type.kind == types::Kind::array ? type.target
                                                                              : site.type;
}

// "T" of "std::__new_allocator<T>::allocate".
std::string_view argument_in(std::string_view name) {
  const std::size_t begin = name.find('<'), end = name.rfind(">::");
  if (begin == name.npos || end == name.npos || end < begin) return {};
  std::string_view argument = name.substr(begin + 1, end - begin - 1);
  while (argument.ends_with(' ')) argument.remove_suffix(1);
  return argument;
}

void apply(const AllocatorCode::Element& element, SiteRecord& site, types::TypeGraph& types) {
  const std::uint64_t size = types[element.type].size;
  if (types[element.type].kind == types::Kind::subprogram || size == 0 ||
      size == types::kUnknownSize)
    return;
  if (site.constant_size % size != 0) return;  // it is not that allocator's request
  if (element_of(site, types) != element.type) {
    if (!element.is_sure) return;
    const bool is_one = site.constant_size == size;
    site.type = is_one ? element.type : types.unbounded_array_of(element.type);
    site.shape = is_one ? types::Shape::one : types::Shape::array;
    site.provenance = types::Provenance::inferred;
    site.evidence = site.constant_size != 0 && size != 1 ? types::kSiteConstantSizeFits : 0;
  }
  site.evidence |= types::kSiteAllocator;
  site.flags = 0;
}

// The T's of each size that a unit's allocators have: none, one, or several.
class ElementsBySize {
 public:
  void add(std::uint32_t unit, std::uint64_t size, TypeIndex type) {
    const auto [at, is_new] = only_.try_emplace({unit, size}, type);
    if (!is_new && at->second != type) at->second = kNoType;
  }
  bool is_only(std::uint32_t unit, std::uint64_t size, TypeIndex type) const {
    const auto found = only_.find({unit, size});
    return found != only_.end() && found->second == type;
  }

 private:
  std::map<std::pair<std::uint32_t, std::uint64_t>, TypeIndex> only_;  // kNoType: several
};

}  // namespace

bool has_allocator_of(std::string_view argument, std::string_view function) {
  constexpr std::string_view kAllocator = "std::allocator<";
  if (argument.empty() || !function.starts_with("std::")) return false;
  int depth = 0;
  for (std::size_t at = 0; at < function.size(); ++at) {
    if (function[at] == '<' && ++depth > 1) continue;
    if (function[at] == '>' && --depth == 0) return false;
    const bool begins_argument = depth == 1 && (function[at] == '<' || function[at] == ',');
    if (!begins_argument) continue;
    std::string_view rest = function.substr(at + 1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (!rest.starts_with(kAllocator)) continue;
    rest.remove_prefix(kAllocator.size());
    if (!rest.starts_with(argument)) continue;
    rest.remove_prefix(argument.size());
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.starts_with('>')) return true;
  }
  return false;
}

AllocatorCode::AllocatorCode(const DwarfFacts& facts, std::span<const TypeIndex> index_of,
                             const ObjectModel& model) {
  const types::TypeGraph& types = model.types;
  const auto element_of = [&](EntityIndex function) {
    const TypeIndex node = facts.entities[function].return_type;
    const TypeIndex type = node < index_of.size() ? pointee_of(types, index_of[node]) : kNoType;
    if (type == kNoType || type == types::TypeGraph::kVoid) return kNoType;
    // A class that holds nothing stands for memory that is aligned like it.
    const bool holds_nothing = types[type].kind == types::Kind::composite && types[type].count == 0;
    return holds_nothing ? kNoType : type;
  };
  // What dwz has moved to a partial unit may be any unit's.
  const auto unit_of = [&](std::uint32_t unit) { return facts.has_partial_units ? 0 : unit; };
  ElementsBySize elements;
  for (const AllocateFunction& each : facts.allocate_functions) {
    const TypeIndex type = element_of(each.function);
    if (type != kNoType) elements.add(unit_of(each.unit), types[type].size, type);
  }
  for (const AllocateCode& code : facts.allocate_code) {
    const TypeIndex type = element_of(code.function);
    if (type == kNoType) continue;
    const FunctionRecord* const around = types::function_at(model, code.range.low);
    const std::string_view name = model.strings[facts.entities[code.function].name];
    const bool is_sure =
        code.unit == types::kNoRecord ||
        elements.is_only(unit_of(code.unit), types[type].size, type) ||
        (around != nullptr && has_allocator_of(argument_in(name), model.strings[around->name]));
    stretches_.push_back({code.range, {type, is_sure}});
  }
  std::sort(stretches_.begin(), stretches_.end(), [](const Stretch& a, const Stretch& b) {
    if (a.range.low != b.range.low) return a.range.low < b.range.low;
    return a.range.high > b.range.high;
  });
  std::uint64_t furthest = 0;
  for (Stretch& stretch : stretches_)
    stretch.furthest = furthest = std::max(furthest, stretch.range.high);
}

AllocatorCode::Element AllocatorCode::element_at(std::uint64_t pc) const {
  auto at = std::upper_bound(
      stretches_.begin(), stretches_.end(), pc,
      [](std::uint64_t sought, const Stretch& one) { return sought < one.range.low; });
  const Stretch* innermost = nullptr;
  while (at != stretches_.begin() && (--at)->furthest > pc) {
    if (at->range.high <= pc) continue;
    const bool is_same = innermost != nullptr && at->range.low == innermost->range.low &&
                         at->range.high == innermost->range.high;
    if (innermost != nullptr && !is_same) break;
    if (is_same && at->element.type != innermost->element.type) return {};
    innermost = &*at;
  }
  return innermost == nullptr ? Element{} : innermost->element;
}

void apply_allocator_code(const DwarfFacts& facts, std::span<const TypeIndex> index_of,
                          types::ObjectModel& model) {
  if (facts.allocate_code.empty()) return;
  const AllocatorCode code{facts, index_of, model};
  for (SiteRecord& site : model.sites) {
    // What a program's own `operator new` calls, if it was inlined there, may ask for more than that.
    if (!std::string_view(model.strings[site.callee]).starts_with("_Znw")) continue;
    const AllocatorCode::Element element = code.element_at(site.return_address - 1);
    if (element.type != kNoType) apply(element, site, model.types);
  }
}

}  // namespace allocs::meta
