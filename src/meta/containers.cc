// SPDX-License-Identifier: Apache-2.0
#include "meta/containers.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "meta/member_places.h"
#include "meta/named_types.h"
#include "meta/type_spelling.h"

// A rule is text, of names alone; what is found by names here are offsets, so that whoever steps through a container reads
// numbers. std::list<foo> with
//
//     chain _M_impl._M_node._M_next until _M_impl._M_node node std::_List_node<$0> next _M_next element _M_storage of $0
//
// becomes: first = the pointer at 0, sentinel = 0, and in the type that is called std::_List_node<foo> next = the pointer at 0,
// element = 16, of type foo. The rules of one name are tried in order. The first whose members are all there counts, with those behind it
// whose tests say when they hold instead: texts of libc++ are kept in two ways.
namespace allocs::meta {

using declarations::ContainerForm;
using declarations::ContainerRule;
using types::ContainerRecord;
using types::ContainerShape;
using types::ContainerTest;
using types::Kind;
using types::kNoType;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr int kDeepest = 8;  // members that are the container

// Of the form's places, which are addresses, and which are counted from a node.
struct FormPlaces {
  unsigned addresses;  // bit i: place i
  unsigned of_nodes;
  unsigned element;  // the place whose type tells that of the elements; kMostPlaces: none
};
constexpr unsigned bits_of(std::initializer_list<unsigned> places) {
  unsigned bits = 0;
  for (const unsigned place : places) bits |= 1u << place;
  return bits;
}
constexpr FormPlaces kForms[] = {
    {0, 0, 0},                                    // array
    {bits_of({0}), 0, 0},                         // inside
    {0, 0, 0},                                    // target
    {0, 0, declarations::kMostPlaces},            // bits
    {bits_of({1, 3}), bits_of({2, 3}), 3},        // chain
    {bits_of({1, 5}), bits_of({2, 3, 4, 5}), 5},  // tree
    {0, 0, 0},                                    // blocks
    {0, 0, 0},                                    // pages
};

class Containers {
 public:
  explicit Containers(types::ObjectModel& model) : model_(model), names_(model) {}

  // Behind those that have been added. They stay where they are.
  void add(std::span<const ContainerRule> rules) {
    for (const ContainerRule& rule : rules) {
      if (rule.is_prefix) {
        prefixes_.push_back(&rule);
      } else {
        by_name_[comparable_spelling(rule.name)].push_back(&rule);
      }
    }
  }

  void find_all() {
    const auto count = static_cast<TypeIndex>(model_.types.size());
    for (TypeIndex type = 0; type < count; ++type) {
      for (const ContainerRecord& record : records_of(type, 0)) model_.containers.push_back(record);
    }
  }

 private:
  using Records = std::vector<ContainerRecord>;
  using Arguments = std::vector<std::string_view>;

  Records records_of(TypeIndex type, int depth) {
    const TypeRecord record = model_.types[type];
    if (record.kind != Kind::composite || record.human_name == 0 || depth > kDeepest) return {};
    if ((record.flags & types::kTypeIncomplete) != 0) return {};
    const std::string_view name = model_.strings[record.name];
    const std::string_view stem = name.substr(0, name.find('<'));
    if (const auto rules = by_name_.find(comparable_spelling(stem)); rules != by_name_.end())
      return by_rules(rules->second, type, depth);
    for (const ContainerRule* rule : prefixes_) {
      if (!name.starts_with(rule->name)) continue;
      if (Records found = by_rules({rule}, type, depth); !found.empty()) return found;
    }
    return {};
  }

  Records by_rules(const std::vector<const ContainerRule*>& rules, TypeIndex type, int depth) {
    const std::string spelling = comparable_spelling(model_.strings[model_.types[type].name]);
    const Arguments arguments = template_arguments(spelling);
    Records all;
    for (const ContainerRule* rule : rules) {
      if (!all.empty() && rule->test == ContainerRule::Test::none) break;
      for (ContainerRecord& record : by_rule(*rule, type, arguments, depth)) {
        record.type = type;
        all.push_back(record);
      }
      if (!all.empty() && rule->test == ContainerRule::Test::none) break;
    }
    return all;
  }

  Records by_rule(const ContainerRule& rule, TypeIndex type, const Arguments& arguments,
                  int depth) {
    Records found;
    if (rule.form == ContainerForm::as) {
      found = by_member(rule.places[0], type, depth);
    } else if (rule.form == ContainerForm::variant) {
      found = alternatives(rule, type, arguments);
    } else if (const auto one = by_places(rule, type, arguments)) {
      found.push_back(*one);
    }
    if (rule.test == ContainerRule::Test::none) return found;
    const auto tested = find_member(model_, type, rule.tested);
    if (!tested || !is_number(tested->type)) return {};
    for (ContainerRecord& record : found) {
      if (record.test != ContainerTest::none) return {};
      record.test = rule.test == ContainerRule::Test::if_set ? ContainerTest::is_set
                                                             : ContainerTest::is_clear;
      record.tested = tested->place;
    }
    return found;
  }

  Records by_member(std::string_view path, TypeIndex type, int depth) {
    const auto member = find_member(model_, type, path);
    if (!member || member->place.hops != 0) return {};
    const std::uint64_t offset = member->place.offsets[0];
    Records found = records_of(member->type, depth + 1);
    for (ContainerRecord& record : found) {
      const unsigned of_nodes = kForms[static_cast<unsigned>(record.shape)].of_nodes;
      bool fits = move(record.tested, record.test != ContainerTest::none, offset);
      for (unsigned i = 0; i < types::kContainerPlaces; ++i) {
        const bool is_meant = record.places[i].size != 0 && (of_nodes >> i & 1) == 0;
        fits = move(record.places[i], is_meant, offset) && fits;
      }
      if (!fits) return {};
    }
    return found;
  }
  static bool move(types::PlaceRecord& place, bool is_meant, std::uint64_t by) {
    if (!is_meant) return true;
    const auto there = moved(place, by);
    if (there) place = *there;
    return there.has_value();
  }

  Records alternatives(const ContainerRule& rule, TypeIndex type, const Arguments& arguments) {
    const auto at = find_member(model_, type, rule.places[0]);
    const auto index = find_member(model_, type, rule.places[1]);
    if (!at || !index || !is_number(index->type)) return {};
    Records found;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const TypeIndex element = names_.find(arguments[i]);
      if (element == kNoType) return {};
      ContainerRecord record;
      record.shape = ContainerShape::inside;
      record.test = ContainerTest::is_equal;
      record.tested = index->place;
      record.equal = i;
      record.number = 1;
      record.flags = types::kContainerOfOne;
      record.places[0] = at->place;
      if (!put_element(element, record)) return {};
      found.push_back(record);
    }
    return found;
  }

  std::optional<ContainerRecord> by_places(const ContainerRule& rule, TypeIndex type,
                                           const Arguments& arguments) {
    const FormPlaces& form = kForms[static_cast<unsigned>(rule.form)];
    TypeIndex node = kNoType;
    if (!rule.node.empty()) {
      node = named(rule.node, arguments);
      if (node == kNoType) return std::nullopt;
    }
    ContainerRecord record;
    record.shape = static_cast<ContainerShape>(rule.form);
    TypeIndex element = kNoType;
    for (unsigned i = 0; i < types::kContainerPlaces; ++i) {
      if (rule.places[i].empty()) continue;
      const bool is_of_node = (form.of_nodes >> i & 1) != 0;
      const auto found =
          find_member(model_, is_of_node ? node : type, expanded(rule.places[i], arguments));
      if (!found) return std::nullopt;
      record.places[i] = found->place;
      if ((form.addresses >> i & 1) == 0 && !is_number(found->type)) return std::nullopt;
      if (i == form.element) element = found->type;
    }
    element = element_at(rule, element, record);
    if (!rule.element.empty()) {
      const TypeIndex said = named(rule.element, arguments);
      // What lies in the object itself has its own type there.
      if (rule.form == ContainerForm::inside && said != element) return std::nullopt;
      element = said;
    }
    if (rule.form == ContainerForm::bits) element = names_.find("bool");
    if (element == kNoType || !put_element(element, record)) return std::nullopt;
    if (rule.form == ContainerForm::pages)
      record.number =
          std::max(rule.bytes / record.element_size, std::max<std::uint64_t>(rule.least, 1));
    return record;
  }

  // What lies where the place of elements leads.
  TypeIndex element_at(const ContainerRule& rule, TypeIndex there, ContainerRecord& record) const {
    if (there == kNoType) return kNoType;
    const TypeRecord& type = model_.types[there];
    switch (rule.form) {
      case ContainerForm::target:
        record.flags = types::kContainerOfOne;
        return target_of(there);
      case ContainerForm::array:
      case ContainerForm::blocks:
        return target_of(there);
      case ContainerForm::pages:
        return target_of(target_of(there));
      case ContainerForm::inside:
        if (type.kind != Kind::array) {
          // Libraries have an empty structure where others have an array.
          const bool is_empty = type.kind == Kind::composite && type.count == 0;
          if (is_empty && rule.element.empty()) return kNoType;
          record.number = 1;
          record.flags = types::kContainerOfOne;
          return there;
        }
        if (type.count == types::kUnbounded && rule.places[1].empty()) return kNoType;
        record.number = type.count;  // kUnbounded: as many as the number says
        return type.target;
      default:
        return there;
    }
  }
  TypeIndex target_of(TypeIndex pointer) const {
    const bool is_pointer = pointer != kNoType && model_.types[pointer].kind == Kind::address;
    return is_pointer ? model_.types[pointer].target : kNoType;
  }
  bool is_big_endian(TypeIndex type) const {
    const TypeRecord& record = model_.types[type];
    return record.kind == Kind::base && (record.flags & types::kTypeBigEndian) != 0;
  }
  // That whoever reads the container takes for one: of this machine's order.
  bool is_number(TypeIndex type) const {
    const TypeRecord& record = model_.types[type];
    if (record.kind == Kind::enumeration)
      return record.target == kNoType || !is_big_endian(record.target);
    return (record.kind == Kind::base && !is_big_endian(type)) || record.kind == Kind::address;
  }
  bool put_element(TypeIndex element, ContainerRecord& record) const {
    record.element = element;
    record.element_size = model_.types[element].size;
    return record.element_size != 0 && record.element_size != types::kUnknownSize;
  }

  // "std::pair<$0,$1$0>": $N is argument N of the container, $N$M argument M of that. Empty: there is no such argument.
  static std::string expanded(std::string_view pattern, const Arguments& arguments) {
    std::string name;
    while (!pattern.empty()) {
      if (pattern.front() != '$') {
        const std::size_t end = std::min(pattern.find('$'), pattern.size());
        name += pattern.substr(0, end);
        pattern.remove_prefix(end);
        continue;
      }
      Arguments of = arguments;
      std::string_view chosen;
      while (pattern.size() >= 2 && pattern.front() == '$') {
        const auto number = static_cast<std::size_t>(pattern[1] - '0');
        if (number >= of.size()) return {};
        chosen = of[number];
        of = template_arguments(chosen);
        pattern.remove_prefix(2);
      }
      if (chosen.empty()) return {};
      name += chosen;
    }
    return name;
  }
  TypeIndex named(std::string_view pattern, const Arguments& arguments) {
    const std::string name = expanded(pattern, arguments);
    return name.empty() ? kNoType : names_.find(comparable_spelling(name));
  }

  types::ObjectModel& model_;
  NamedTypes names_;
  std::unordered_map<std::string, std::vector<const ContainerRule*>> by_name_;
  std::vector<const ContainerRule*> prefixes_;
};

}  // namespace

void add_containers(std::span<const ContainerRule> users, std::span<const ContainerRule> built_in,
                    types::ObjectModel& model) {
  Containers containers(model);
  containers.add(users);
  containers.add(built_in);
  containers.find_all();
}

}  // namespace allocs::meta
