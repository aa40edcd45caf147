// SPDX-License-Identifier: Apache-2.0
#include "meta/site_targets.h"

#include <algorithm>
#include <array>

#include "meta/library_memory.h"

namespace allocs::meta {

using types::FunctionRecord;
using types::Kind;
using types::kNoType;
using types::ObjectModel;
using types::TypeIndex;

namespace {

const FunctionRecord* function_with_entry(const ObjectModel& model, std::uint64_t address) {
  const FunctionRecord* function = types::function_at(model, address);
  return function != nullptr && function->low == address ? function : nullptr;
}

void add(std::vector<SiteTarget>& targets, TypeIndex type, std::uint8_t evidence, bool is_direct) {
  if (type == kNoType || type == types::TypeGraph::kVoid) return;
  targets.push_back({type, evidence, is_direct});
}

}  // namespace

TypeIndex argument_by_position(const ObjectModel& model, const FunctionRecord& function, int n) {
  if (function.type == kNoType) return kNoType;
  const types::TypeRecord& type = model.types[function.type];
  if (type.target != kNoType && model.types[type.target].kind == Kind::composite) return kNoType;
  int registers = 0;
  for (const types::MemberRecord& argument : model.types.members_of(function.type)) {
    if (argument.type == kNoType) return kNoType;
    const types::TypeRecord& record = model.types[argument.type];
    const bool is_integer = record.kind == Kind::base && record.size <= 8;
    const bool is_simple = record.kind == Kind::address || record.kind == Kind::enumeration ||
                           record.kind == Kind::array;
    constexpr std::uint8_t kDwarfFloat = 4;  // DW_ATE_float
    if (record.kind == Kind::base && record.detail == kDwarfFloat && record.size <= 8) continue;
    if (!is_integer && !is_simple) return kNoType;
    if (registers++ == n) return argument.type;
  }
  return kNoType;
}

UseIndex::Facts::Facts(const FunctionFlow& flow)
    : is_returned(flow.atoms.size()),
      is_returned_moved(flow.atoms.size()),
      is_returned_second(flow.atoms.size()),
      escapes(flow.atoms.size()) {
  for (AtomId id = 0; id < flow.atoms.size(); ++id) {
    const AtomKind kind = flow.atoms[id].kind;
    const bool is_choice = kind == AtomKind::choice;
    const bool is_distance = kind == AtomKind::sum || kind == AtomKind::opaque;
    if (!is_choice && !is_distance) continue;
    for (const Value& source : flow.atoms[id].sources) {
      if (is_choice && source.is_atom()) choices.add(source.atom, id);
      const Distance distance = is_distance          ? Distance::any
                                : source.addend != 0 ? Distance::number
                                                     : Distance::none;
      if (source.factor == 1) derived.add(source.atom, {id, distance});
    }
  }
  for (const HoldFact& hold : flow.holds) holds.add(hold.value.atom, &hold);
  for (const StoreFact& store : flow.stores) {
    if (store.value.factor == 1) stores.add(store.value.atom, &store);
    const MemoryPlace& place = store.access.place;
    if (place.displacement == 0 && place.index == Register::none && store.access.base.is_atom()) {
      stores_through.add(store.access.base.atom, &store);
    }
  }
  for (const UseFact& use : flow.uses) {
    if (use.address.factor == 1) memory.add(use.address.atom, &use);
  }
  for (const CallFact& call : flow.calls) {
    for (int n = 0; n < 6; ++n) {
      const Value& value = call.arguments[static_cast<std::size_t>(n)];
      if (value.factor == 1) arguments.add(value.atom, {&call, n});
    }
  }
  for (const Value& value : flow.returns) {
    if (value.is_atom()) is_returned[value.atom] = true;
    if (value.factor == 1 && value.addend != 0) is_returned_moved[value.atom] = true;
  }
  for (const Value& value : flow.second_returns) is_returned_second[value.atom] = true;
  for (const Value& value : flow.escapes) escapes[value.atom] = true;
  choices.sort(flow.atoms.size());
  derived.sort(flow.atoms.size());
  holds.sort(flow.atoms.size());
  stores.sort(flow.atoms.size());
  stores_through.sort(flow.atoms.size());
  memory.sort(flow.atoms.size());
  arguments.sort(flow.atoms.size());
}

const ResultUses& UseIndex::uses_of(AtomId result) const {
  const auto [at, is_new] = uses_.try_emplace(result);
  ResultUses& uses = at->second;
  if (!is_new) return uses;
  if (!facts_) facts_.emplace(flow_);
  const Facts& facts = *facts_;
  std::vector<bool> seen(flow_.atoms.size());
  std::vector<AtomId> todo{result};
  seen[result] = true;
  while (!todo.empty()) {
    const AtomId id = todo.back();
    todo.pop_back();
    const bool is_direct = id == result;
    for (const HoldFact* hold : facts.holds.of(id)) {
      if (hold->value.is_atom()) uses.holds.push_back({hold, is_direct});
    }
    for (const StoreFact* store : facts.stores.of(id)) {
      if (store->value.is_atom()) uses.stores.push_back({store, is_direct});
    }
    for (const auto& [call, n] : facts.arguments.of(id)) {
      if (call->arguments[static_cast<std::size_t>(n)].is_atom())
        uses.arguments.push_back({call, n, is_direct});
    }
    if (is_direct) {
      const auto words = facts.stores_through.of(id);
      uses.initial_words.assign(words.begin(), words.end());
    }
    uses.is_returned = uses.is_returned || facts.is_returned[id];
    uses.is_returned_always = uses.is_returned_always || (facts.is_returned[id] && is_direct);
    for (const AtomId choice : facts.choices.of(id)) {
      if (!seen[choice]) todo.push_back(choice);
      seen[choice] = true;
    }
  }
  add_uses_elsewhere(facts, result, uses);
  return uses;
}

void UseIndex::add_uses_elsewhere(const Facts& facts, AtomId result, ResultUses& uses) const {
  std::array<std::vector<bool>, 3> seen;  // by distance
  seen.fill(std::vector<bool>(flow_.atoms.size()));
  std::vector<Derived> todo;
  const auto visit = [&](AtomId atom, Distance distance) {
    auto is_seen = seen[static_cast<std::size_t>(distance)][atom];
    if (!is_seen) todo.push_back({atom, distance});
    is_seen = true;
  };
  visit(result, Distance::none);
  while (!todo.empty()) {
    const Derived at = todo.back();
    todo.pop_back();
    const bool is_elsewhere = at.distance != Distance::none;
    const auto counts = [&](const Value& value) { return is_elsewhere || value.addend != 0; };
    for (const HoldFact* hold : facts.holds.of(at.atom)) {
      if (counts(hold->value)) uses.holds_elsewhere.push_back(hold);
    }
    for (const StoreFact* store : facts.stores.of(at.atom)) {
      if (counts(store->value)) uses.stores_elsewhere.push_back(store);
    }
    for (const auto& [call, n] : facts.arguments.of(at.atom)) {
      if (counts(call->arguments[static_cast<std::size_t>(n)]))
        uses.arguments_elsewhere.emplace_back(call, n);
    }
    for (const UseFact* use : facts.memory.of(at.atom)) uses.memory.push_back(use);
    uses.is_lost = uses.is_lost || facts.escapes[at.atom];
    uses.is_returned_second = uses.is_returned_second || facts.is_returned_second[at.atom];
    const bool is_moved =
        facts.is_returned_moved[at.atom] || (is_elsewhere && facts.is_returned[at.atom]);
    uses.is_returned_elsewhere = uses.is_returned_elsewhere || is_moved;
    uses.is_returned_behind_head =
        uses.is_returned_behind_head || (is_moved && at.distance != Distance::any);
    for (const Derived& next : facts.derived.of(at.atom))
      visit(next.atom, std::max(at.distance, next.distance));
  }
}

TypeIndex returned_pointee(const ObjectModel& model, const FunctionRecord* function) {
  if (function == nullptr || function->type == kNoType) return kNoType;
  const TypeIndex pointee = pointee_of(model.types, model.types[function->type].target);
  return pointee == types::TypeGraph::kVoid ? kNoType : pointee;
}

TargetFinder::TargetFinder(const ObjectModel& model, const TypedStatics& statics,
                           const ComputedPointers& computed, const VirtualTables& virtual_tables,
                           const FunctionRecord* function, const FunctionFlow& flow)
    : model_(model),
      virtual_tables_(virtual_tables),
      function_(function),
      flow_(flow),
      variables_(model, computed, function),
      pointers_(model, statics, variables_, flow, result_types_),
      uses_(flow) {
  for (const CallFact& call : flow.calls) {
    if (call.callee.address == 0 || call.result == kConstant) continue;
    const TypeIndex type = returned_pointee(model, function_with_entry(model, call.callee.address));
    if (type != kNoType) result_types_[call.result] = type;
  }
}

std::vector<SiteTarget> TargetFinder::targets_of_result(const CallFact& call) const {
  return call.return_address == 0 ? std::vector<SiteTarget>{} : targets_of(call.result);
}

std::vector<SiteTarget> TargetFinder::targets_of(AtomId atom) const {
  std::vector<SiteTarget> targets;
  const ResultUses& uses = uses_.uses_of(atom);
  if (uses.is_returned) {
    add(targets, returned_pointee(model_, function_), types::kSiteTargetVariable,
        uses.is_returned_always);
  }
  for (const auto& [hold, is_direct] : uses.holds) {
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high)) {
      add(targets, pointee_of(model_.types, type), types::kSiteTargetVariable, is_direct);
    }
  }
  for (const auto& [store, is_direct] : uses.stores) {
    const bool is_local = store->access.base.is_in_frame();
    for (const TypeIndex type : pointers_.declared_targets(store->access, store->after)) {
      add(targets, type, is_local ? types::kSiteTargetVariable : types::kSiteTargetField,
          is_direct);
    }
  }
  for (const ResultUses::Argument& use : uses.arguments) {
    add_argument_targets(targets, use.call->callee, use.number, use.is_direct);
  }
  return targets;
}

std::vector<TypeIndex> TargetFinder::targets_elsewhere(const CallFact& call) const {
  return call.return_address == 0 ? std::vector<TypeIndex>{} : targets_elsewhere(call.result);
}

std::vector<TypeIndex> TargetFinder::targets_elsewhere(AtomId atom) const {
  std::vector<TypeIndex> found;
  const auto add_type = [&](TypeIndex type) {
    if (type != kNoType && type != types::TypeGraph::kVoid) found.push_back(type);
  };
  const auto add_computed = [&](const HoldFact& hold, bool is_at_known_distance) {
    for (const ComputedPointer& one : variables_.computed_from(hold.gpr, hold.low, hold.high)) {
      const bool is_elsewhere =
          !is_at_known_distance || !one.addend || plus(hold.value.addend, *one.addend) != 0;
      if (is_elsewhere) add_type(pointee_of(model_.types, one.type));
    }
  };
  const ResultUses& uses = uses_.uses_of(atom);
  for (const ResultUses::Hold& hold : uses.holds) add_computed(*hold.fact, true);
  for (const HoldFact* hold : uses.holds_elsewhere) {
    add_computed(*hold, hold->value.atom == atom);
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high))
      add_type(pointee_of(model_.types, type));
  }
  for (const StoreFact* store : uses.stores_elsewhere) {
    for (const TypeIndex type : pointers_.declared_targets(store->access, store->after))
      add_type(type);
  }
  for (const auto& [call, n] : uses.arguments_elsewhere) {
    std::vector<SiteTarget> targets;
    add_argument_targets(targets, call->callee, n, true);
    for (const SiteTarget& target : targets) add_type(target.type);
  }
  if (uses.is_returned_elsewhere && function_ != nullptr && function_->type != kNoType) {
    const TypeIndex type = pointee_of(model_.types, model_.types[function_->type].target);
    if (type != kNoType) found.push_back(type);
  }
  return found;
}

// `for (p = first + k * step; ...; p += step)`, where `first` is the block; 0 if it is nothing of the kind.
std::int64_t TargetFinder::step_over(AtomId block, AtomId atom) const {
  const Atom& choice = flow_.atoms[atom];
  if (choice.kind != AtomKind::choice) return 0;
  const auto steps = [&](const Value& v) {
    return v.atom == atom && v.factor == 1 && v.addend > 0;
  };
  const auto step = std::ranges::find_if(choice.sources, steps);
  if (step == choice.sources.end()) return 0;
  const auto begins = [&](const Value& v) {
    return v.atom == block && v.factor == 1 && v.addend >= 0 && v.addend % step->addend == 0;
  };
  return std::ranges::any_of(choice.sources, begins) ? step->addend : 0;
}

std::vector<TypeIndex> TargetFinder::rows_in(const CallFact& call) const {
  std::vector<TypeIndex> found, others;
  if (call.return_address == 0) return found;
  // A union of pointers may be meant as any of them, and a `void *` in the block itself as one to a T.
  const auto add = [&](const Value& value, std::span<const TypeIndex> pointees, bool is_in_block) {
    const std::int64_t step = value.factor == 1 ? step_over(call.result, value.atom) : 0;
    const bool is_step = step != 0 && (value.addend == 0 || value.addend == step);
    const auto row = std::ranges::find_if(pointees, [&](TypeIndex type) {
      return is_step && static_cast<std::int64_t>(model_.types[type].size) == step;
    });
    if (row != pointees.end()) {
      found.push_back(*row);
    } else if (!is_step || !is_in_block) {
      others.insert(others.end(), pointees.begin(), pointees.end());
    }
  };
  const ResultUses& uses = uses_.uses_of(call.result);
  if (uses.is_returned_elsewhere) others.push_back(returned_pointee(model_, function_));
  for (const HoldFact* hold : uses.holds_elsewhere) {
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high)) {
      const TypeIndex pointee = pointee_of(model_.types, type);
      const bool is_known = pointee != kNoType && pointee != types::TypeGraph::kVoid;
      if (is_known) add(hold->value, std::array{pointee}, false);
    }
  }
  for (const StoreFact* store : uses.stores_elsewhere) {
    const AtomId base = store->access.base.atom;
    const bool is_in_block = base == call.result || step_over(call.result, base) != 0;
    add(store->value, pointers_.declared_targets(store->access, store->after), is_in_block);
  }
  for (const auto& [to, n] : uses.arguments_elsewhere) {
    std::vector<SiteTarget> targets;
    add_argument_targets(targets, to->callee, n, true);
    if (targets.empty()) return {};
    for (const SiteTarget& target : targets) others.push_back(target.type);
  }
  std::erase_if(found, [&](TypeIndex row) {
    return std::ranges::any_of(others, [row](TypeIndex other) { return other != row; });
  });
  return found;
}

MemoryUse TargetFinder::memory_use(AtomId atom, const UseByCallee& by_callee) const {
  const ResultUses& uses = uses_.uses_of(atom);
  MemoryUse found;
  for (const UseFact* use : uses.memory) {
    // Vector registers copy memory, whatever lies in it.
    (use->is_block ? found.is_hidden : use->size == 1 ? found.as_bytes : found.as_more) = true;
    found.at_number = found.at_number || (use->size == 1 && use->is_at_number);
  }
  // `p = malloc(16 + n); return p + 16;`: who gets that may look in front of it.
  const bool is_lost = (uses.is_returned_behind_head && may_return_address()) || uses.is_lost ||
                       flow_.has_cut_choices || (uses.is_returned_second && returns_two_words());
  if (is_lost) found.add(MemoryUse::lost());
  const auto see_argument = [&](const CallFact& call, int n) {
    if (is_not_passed(call.callee, n)) return;
    if (takes_text(call.callee, n)) {
      found.as_bytes = true;
    } else if (takes_any_memory(call.callee)) {
      found.is_hidden = found.is_hidden || is_moved_as_structures(call, n);
    } else if (!is_declared_as_text(call.callee, n)) {
      found.add(by_callee(call, n));
    } else if (call.callee.address != 0) {
      MemoryUse use = by_callee(call, n);
      use.is_hidden =
          use.is_lost;  // else what it does is what one does with text, though all need not be seen
      found.add(use);
    }
  };
  for (const ResultUses::Argument& use : uses.arguments) see_argument(*use.call, use.number);
  for (const auto& [call, n] : uses.arguments_elsewhere) see_argument(*call, n);
  return found;
}

// Whether the function returns a structure of two words.
bool TargetFinder::returns_two_words() const {
  if (function_ == nullptr || function_->type == kNoType) return true;
  const TypeIndex type = model_.types[function_->type].target;
  return type == kNoType ||
         (model_.types[type].kind == Kind::composite && model_.types[type].size > 8);
}

// A register of arguments that the callee has none for: it holds what it held.
bool TargetFinder::is_not_passed(const Callee& callee, int n) const {
  const FunctionRecord* function =
      callee.address == 0 ? nullptr : function_with_entry(model_, callee.address);
  if (function == nullptr || function->type == kNoType) return false;
  const types::TypeRecord& type = model_.types[function->type];
  const bool is_known = (type.flags & types::kTypePrototyped) != 0 &&
                        (type.flags & types::kTypeVariadic) == 0 &&
                        callee.name.find('.') == std::string_view::npos;
  if (!is_known) return false;
  const auto arguments = model_.types.members_of(function->type);
  const bool are_simple = std::ranges::all_of(arguments, [&](const types::MemberRecord& one) {
    return one.type != kNoType && model_.types[one.type].kind != Kind::composite;
  });
  return are_simple && static_cast<std::size_t>(n) >= arguments.size();
}

// memcpy(block, &structure, n), fread(block, sizeof(structure), n, file): it is written or read as such.
bool TargetFinder::is_moved_as_structures(const CallFact& call, int n) const {
  const int size = record_size_argument(call.callee);
  if (size >= 0)
    return n == 0 && call.arguments[static_cast<std::size_t>(size)] != Value::constant(1);
  if (!copies_memory(call.callee) || n > 1) return false;
  const auto other = static_cast<std::size_t>(1 - n);
  const std::vector<TypedPlace> places =
      pointers_.targets_of(call.arguments[other], kArgumentRegisters[other], call.at);
  return std::ranges::any_of(places, [&](const TypedPlace& place) {
    return place.type != kNoType && !is_character(model_.types[place.type]) &&
           model_.types[place.type].kind != Kind::array;
  });
}

bool TargetFinder::is_returned(AtomId atom) const {
  const ResultUses& uses = uses_.uses_of(atom);
  return may_return_address() && (uses.is_returned || uses.is_returned_elsewhere);
}

// Else rax is what it happens to hold.
bool TargetFinder::may_return_address() const {
  if (function_ == nullptr || function_->type == kNoType) return true;
  const TypeIndex type = model_.types[function_->type].target;
  return type == kNoType || model_.types[type].size >=
                                8;  // what is only declared has no known size, which is the largest
}

bool TargetFinder::is_address_handed_on(const TypedPlace& place) const {
  const auto leads_there = [&](const Value& value, std::uint64_t pc) {
    if (value.factor != 1 || value.addend != place.offset) return false;
    const auto targets = pointers_.targets_of(value, Register::none, pc);
    return std::ranges::find(targets, place) != targets.end();
  };
  // The address of a structure is that of its first member.
  const auto is_pointers = [&](TypeIndex type) {
    return type != kNoType && model_.types[type].kind == Kind::address;
  };
  const bool is_held = std::ranges::any_of(flow_.holds, [&](const HoldFact& hold) {
    if (!leads_there(hold.value, hold.low)) return false;
    const auto types = variables_.in_register(hold.gpr, hold.low, hold.high);
    return place.offset != 0 || std::ranges::any_of(types, [&](TypeIndex type) {
             return is_pointers(pointee_of(model_.types, type));
           });
  });
  const bool is_stored = std::ranges::any_of(flow_.stores, [&](const StoreFact& store) {
    return leads_there(store.value, store.after) &&
           (place.offset != 0 ||
            std::ranges::any_of(pointers_.declared_targets(store.access, store.after),
                                is_pointers));
  });
  if (is_held || is_stored) return true;
  for (const CallFact& call : flow_.calls) {
    for (int n = 0; n < 6; ++n) {
      if (!leads_there(call.arguments[static_cast<std::size_t>(n)], call.at)) continue;
      std::vector<SiteTarget> targets;
      add_argument_targets(targets, call.callee, n, true);
      if (place.offset != 0 || std::ranges::any_of(targets, [&](const SiteTarget& target) {
            return is_pointers(target.type);
          }))
        return true;
    }
  }
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
    const bool is_indexed = access.size == 8 && access.place.index != Register::none;
    if (!is_indexed || access.place.base == Register::none) continue;
    const auto targets = pointers_.targets_of(access.base, access.place.base, access.pc);
    const bool is_there = std::ranges::any_of(targets, [&](const TypedPlace& target) {
      return TypedPlace{target.type, plus(target.offset, access.place.displacement)} == place;
    });
    if (is_there) return true;
  }
  return false;
}

bool TargetFinder::is_read_blindly(const TypedPlace& place) const {
  return std::ranges::any_of(flow_.blind_reads, [&](const Access& read) {
    const auto covers = [&](std::int64_t from) {
      const bool ends_before = read.size != Operand::kManyBytes && from + read.size <= place.offset;
      return from < place.offset + 8 && !ends_before;
    };
    const std::vector<TypedPlace> places = pointers_.places_of(read, read.pc);
    const bool is_of_unknown =
        places.empty() && !read.base.is_in_frame() && read.place.base != Register::none;
    if (is_of_unknown) return covers(read.place.displacement);
    return std::ranges::any_of(places, [&](const TypedPlace& one) {
      return one.type == place.type && covers(one.offset);
    });
  });
}

// `*(char **)((char *)object + option->offset)`, `((long *)object)[i]`
bool TargetFinder::is_read_anywhere_in(TypeIndex type) const {
  // Whether an address at `displacement` from `pointer` is in the structure and, moved by steps, in no array there.
  const auto leads_anywhere = [&](const Value& pointer, Register r, std::uint64_t pc,
                                  std::int64_t displacement, std::int64_t step) {
    if (pointer.factor != 1) return false;
    const auto targets = pointers_.targets_of(pointer, r, pc);
    return std::ranges::any_of(targets, [&](const TypedPlace& target) {
      const TypedPlace first{target.type, plus(target.offset, displacement)};
      return target.type == type && !pointers_.stays_typed(first, step);
    });
  };
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
    const MemoryPlace& place = access.place;
    if (access.size != 8 || !place.known) continue;
    if (place.index != Register::none) {
      const std::int64_t step = times(access.index.factor, place.scale);
      const bool is_indexed =
          place.base != Register::none &&
          leads_anywhere(access.base, place.base, access.pc, place.displacement, step);
      const bool is_index =
          place.scale == 1 && leads_anywhere(access.index, place.index, access.pc,
                                             place.displacement, access.base.factor);
      if (is_indexed || is_index) return true;
    }
    const Atom& base = flow_.atoms[access.base.atom];
    if (!access.base.is_atom() || base.kind != AtomKind::sum) continue;
    const std::int64_t displacement = plus(place.displacement, access.base.addend);
    for (std::size_t side = 0; side < 2; ++side) {
      const std::int64_t step = base.sources[1 - side].factor;
      if (leads_anywhere(base.sources[side], Register::none, access.pc, displacement, step))
        return true;
    }
  }
  return false;
}

bool TargetFinder::is_declared_as_text(const Callee& callee, int n) const {
  std::vector<SiteTarget> targets;
  add_argument_targets(targets, callee, n, true);
  return !targets.empty() && std::ranges::all_of(targets, [&](const SiteTarget& target) {
    return is_character(model_.types[target.type]);
  });
}

std::optional<std::vector<TypedPlace>> TargetFinder::places_written(AtomId atom) const {
  std::vector<TypedPlace> found;
  const auto add_place = [&](const StoreFact& store) {
    if (store.access.base.is_in_frame() && is_frame_private(store.access)) return true;
    const std::vector<TypedPlace> places = pointers_.places_of(store.access, store.after);
    found.insert(found.end(), places.begin(), places.end());
    return !places.empty();
  };
  const ResultUses& uses = uses_.uses_of(atom);
  const bool all =
      std::ranges::all_of(uses.stores, [&](const auto& store) { return add_place(*store.fact); }) &&
      std::ranges::all_of(uses.stores_elsewhere,
                          [&](const auto* store) { return add_place(*store); });
  return all ? std::optional{std::move(found)} : std::nullopt;
}

// Whether only the function itself reads the eight bytes at `access`, in the frame, and what it reads there was
// followed: nobody was told the address of the variable that lies there, and it is no argument of a call, which the
// function does not read again.
bool TargetFinder::is_frame_private(const Access& access) const {
  if (access.place.index != Register::none) return false;
  const std::int64_t slot = plus(access.base.addend, access.place.displacement);
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& read = flow_.atoms.access_of(flow_.atoms[load]);
    if (!read.base.is_in_frame()) continue;
    const std::int64_t distance = plus(read.base.addend, read.place.displacement) - slot;
    if (read.place.index != Register::none || (distance > -8 && distance < 8)) return false;
  }
  const bool is_lent = std::ranges::any_of(flow_.frame_addresses, [&](std::int64_t address) {
    return address < slot + 8 && variables_.may_be_one_in_frame(address, slot);
  });
  // A vector register may carry it to where it is not followed, and so may a copy of as much as a register says.
  const bool is_carried = std::ranges::any_of(flow_.frame_reads, [&](const FrameBytes& read) {
    const bool ends_before = read.size != Operand::kManyBytes && read.offset + read.size <= slot;
    return read.size > 8 && read.offset < slot + 8 && !ends_before;
  });
  return !is_lent && !is_carried &&
         std::ranges::any_of(flow_.frame_reads, [&](const FrameBytes& read) {
           return read.offset < slot + 8 && read.offset + read.size > slot;
         });
}

std::vector<TypedPlace> TargetFinder::places_read(AtomId load) const {
  const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
  return pointers_.places_of(access, access.pc);
}

std::vector<TypeIndex> TargetFinder::dynamic_types(const CallFact& call) const {
  std::vector<TypeIndex> found;
  if (call.return_address == 0) return found;
  for (const StoreFact* store : uses_.uses_of(call.result).initial_words) {
    const TypeIndex type = virtual_tables_.class_of(flow_.atoms, store->value);
    if (type != kNoType) found.push_back(type);
  }
  return found;
}

std::vector<SiteTarget> TargetFinder::targets_of_argument(const CallFact& call, int n) const {
  std::vector<SiteTarget> targets;
  const Value& address = call.arguments[static_cast<std::size_t>(n)];
  const bool is_local = address.is_in_frame();
  for (const TypeIndex type :
       pointers_.declared_targets_at(address, kArgumentRegisters[n], call.at)) {
    add(targets, type, is_local ? types::kSiteTargetVariable : types::kSiteTargetField, true);
  }
  return targets;
}

// By the callee's own account of where its arguments are when it is entered; an optimiser may have changed their order. Where the
// account knows no registers, nothing was optimised.
void TargetFinder::add_argument_targets(std::vector<SiteTarget>& targets, const Callee& callee,
                                        int n, bool is_direct) const {
  const FunctionRecord* function =
      callee.address == 0 ? nullptr : function_with_entry(model_, callee.address);
  if (function == nullptr) return;
  bool has_registers = false;
  for (const types::VariableRecord& variable : types::variables_of(model_, *function)) {
    const bool is_own = (variable.flags & types::kVariableInlined) == 0;
    if (!is_own || (variable.flags & types::kVariableFormal) == 0) continue;
    for (const types::LocationPiece& piece :
         types::read_locations(model_.locations, variable.locations, function->low)) {
      if (piece.kind != types::LocationKind::in_register) continue;
      has_registers = true;
      if (piece.low != function->low) continue;
      if (piece.value != static_cast<std::int64_t>(kArgumentRegisters[n])) continue;
      add(targets, pointee_of(model_.types, variable.type), types::kSiteArgument, is_direct);
    }
  }
  if (has_registers || callee.name.find('.') != std::string_view::npos) return;
  const TypeIndex type = argument_by_position(model_, *function, n);
  add(targets, pointee_of(model_.types, type), types::kSiteArgument, is_direct);
}

bool TargetFinder::is_returned(const CallFact& call) const {
  if (call.return_address == 0) return true;
  const ResultUses& uses = uses_.uses_of(call.result);
  return uses.is_returned && !uses.is_returned_elsewhere;
}

bool TargetFinder::is_from_argument(const Value& value, std::uint64_t pc) const {
  if (value.is_constant()) return false;
  for (const AtomId id : flow_.atoms.ingredients(value)) {
    const Atom& atom = flow_.atoms[id];
    if (atom.kind == AtomKind::load) {
      const Access& access = flow_.atoms.access_of(atom);
      if (!access.base.is_in_frame() || access.place.index != Register::none) continue;
      const std::int64_t offset = plus(access.base.addend, access.place.displacement);
      if (variables_.is_argument_in_frame(offset, pc)) return true;
    } else if (atom.kind == AtomKind::choice || atom.kind == AtomKind::opaque) {
      if (atom.where >= static_cast<std::int64_t>(kRegisterCount)) continue;
      if (variables_.is_argument_in_register(static_cast<Register>(atom.where), atom.pc))
        return true;
    }
  }
  return false;
}

}  // namespace allocs::meta
