// SPDX-License-Identifier: Apache-2.0
#include "meta/site_targets.h"

#include <algorithm>
#include <array>
#include <set>

namespace allocs::meta {

using types::FunctionRecord;
using types::Kind;
using types::kNoType;
using types::ObjectModel;
using types::TypeIndex;

namespace {

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

TypeIndex returned_pointee(const ObjectModel& model, const FunctionRecord* function) {
  if (function == nullptr || function->type == kNoType) return kNoType;
  const TypeIndex pointee = pointee_of(model.types, model.types[function->type].target);
  return pointee == types::TypeGraph::kVoid ? kNoType : pointee;
}

TargetFinder::TargetFinder(const ObjectModel& model, const TypedStatics& statics,
                           const OptimisedPointers& optimised, const VirtualTables& virtual_tables,
                           const FunctionRecord* function, const FunctionFlow& flow)
    : model_(model),
      virtual_tables_(virtual_tables),
      function_(function),
      flow_(flow),
      variables_(model, optimised, function),
      pointers_(model, statics, variables_, flow, result_types_),
      uses_(flow) {
  for (const CallFact& call : flow.calls) {
    if (call.callee.address == 0 || call.result == kConstant) continue;
    const TypeIndex type =
        returned_pointee(model, types::function_with_entry(model, call.callee.address));
    if (type != kNoType) result_types_.set(call.result, type);
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
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high())) {
      add(targets, pointee_of(model_.types, type), types::kSiteTargetVariable, is_direct);
    }
  }
  for (const auto& [store, is_direct] : uses.stores) {
    const bool is_local = store->access.base.is_in_frame();
    const bool is_shared = is_local && may_be_temporary(*store);
    if (is_shared && gets_another_result(*store)) continue;
    const std::size_t first = targets.size();
    for (const TypeIndex type : pointers_.declared_targets(store->access, store->after)) {
      add(targets, type, is_local ? types::kSiteTargetVariable : types::kSiteTargetField,
          is_direct);
    }
    for (SiteTarget& target : std::span{targets}.subspan(first)) target.may_be_another = is_shared;
  }
  for (const ResultUses::Argument& use : uses.arguments) {
    add_argument_targets(targets, use.call->callee, use.number, use.is_direct);
  }
  return targets;
}

// An object in the frame may be a temporary that no variable is described for: compilers give its place to a variable that is made later, and
// debug information has that there from the start of its block. In C nothing owns memory but what has a name.
bool TargetFinder::may_be_temporary(const StoreFact& store) const {
  const bool is_of_c = function_ != nullptr && model_.strings[function_->unit].ends_with(".c");
  return !is_of_c && std::ranges::any_of(pointers_.places_of(store.access, store.after),
                                         [&](const TypedPlace& place) {
                                           return place.type != kNoType &&
                                                  model_.types[place.type].kind == Kind::composite;
                                         });
}

// Whether something else that a call returned is put there as well.
bool TargetFinder::gets_another_result(const StoreFact& store) const {
  const std::int64_t slot = plus(store.access.base.addend, store.access.place.displacement);
  return std::ranges::any_of(flow_.kept_in_frame, [&](const KeptFact& kept) {
    return kept.offset == slot && kept.value != store.value.atom &&
           flow_.atoms[kept.value].kind == AtomKind::result;
  });
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
    for (const ComputedPointer& one : variables_.computed_from(hold.gpr, hold.low, hold.high())) {
      const bool is_elsewhere =
          !is_at_known_distance || !one.addend || plus(hold.value.addend, *one.addend) != 0;
      if (is_elsewhere) add_type(pointee_of(model_.types, one.type));
    }
  };
  const ResultUses& uses = uses_.uses_of(atom);
  for (const ResultUses::Hold& hold : uses.holds) add_computed(*hold.fact, true);
  for (const HoldFact* hold : uses.holds_elsewhere) {
    add_computed(*hold, hold->value.atom == atom);
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high()))
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
  const std::span<const Value> sources = flow_.atoms.sources_of(choice);
  const auto step = std::ranges::find_if(sources, steps);
  if (step == sources.end()) return 0;
  const auto begins = [&](const Value& v) {
    return v.atom == block && v.factor == 1 && v.addend >= 0 && v.addend % step->addend == 0;
  };
  return std::ranges::any_of(sources, begins) ? step->addend : 0;
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
  for (const TypeIndex type : walked_by_counting(uses)) found.push_back(type);
  for (const HoldFact* hold : uses.holds_elsewhere) {
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high())) {
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

// Of `for (at = first + 1; at < end; ++at)` clang -O2 makes a loop that counts, and takes several steps at a time; the pointer is nowhere, and
// debug information computes it as first + 24 + 192 * n, first + 48 + 192 * n and so on. With every step there it walks over T's.
std::vector<TypeIndex> TargetFinder::walked_by_counting(const ResultUses& uses) const {
  struct Walk {
    TypeIndex type;
    std::int64_t step;
    std::set<std::int64_t> starts;  // below `step`
  };
  std::vector<Walk> walks;
  for (const ResultUses::Hold& hold : uses.holds) {
    const HoldFact& fact = *hold.fact;
    for (const ComputedPointer& one : variables_.computed_from(fact.gpr, fact.low, fact.high())) {
      const TypeIndex type = pointee_of(model_.types, one.type);
      const bool is_from_block =
          hold.is_direct && one.stepped && one.stepped->reg == static_cast<std::uint32_t>(fact.gpr);
      if (!is_from_block || type == kNoType) continue;
      const std::int64_t step = one.stepped->step;
      const std::int64_t start = (one.stepped->first % step + step) % step;
      const auto walk = std::ranges::find_if(
          walks, [&](const Walk& w) { return w.type == type && w.step == step; });
      if (walk == walks.end()) {
        walks.push_back({type, step, {start}});
      } else {
        walk->starts.insert(start);
      }
    }
  }
  std::vector<TypeIndex> found;
  for (const Walk& walk : walks) {
    const auto size = static_cast<std::int64_t>(model_.types[walk.type].size);
    if (size <= 0 || walk.step % size != 0) continue;
    const bool is_whole =
        std::ranges::all_of(walk.starts, [&](std::int64_t start) { return start % size == 0; });
    const auto steps = static_cast<std::int64_t>(walk.starts.size());
    // One alone may be an index that is 0 or 1 (`&first[is_second]`).
    if (is_whole && steps > 1 && steps == walk.step / size) found.push_back(walk.type);
  }
  return found;
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

std::vector<TypedPlace> TargetFinder::places_read(AtomId load) const {
  const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
  return pointers_.places_of(access, access.pc);
}

std::vector<TypeIndex> TargetFinder::dynamic_types(const CallFact& call) const {
  std::vector<TypeIndex> found;
  if (call.return_address == 0) return found;
  for (const StoreFact* store : uses_.uses_of(call.result).initial_words) {
    const Atom& atom = flow_.atoms[store->value.atom];
    const bool is_choice = store->value.is_atom() && atom.kind == AtomKind::choice;
    // `flag ? new A : new B`, of which compilers make one call
    for (const Value& value :
         is_choice ? flow_.atoms.sources_of(atom) : std::span{&store->value, 1}) {
      const TypeIndex type = virtual_tables_.class_of(flow_.atoms, value);
      if (type != kNoType) found.push_back(type);
    }
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
      callee.address == 0 ? nullptr : types::function_with_entry(model_, callee.address);
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
