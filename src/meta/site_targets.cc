// SPDX-License-Identifier: Apache-2.0
#include "meta/site_targets.h"

#include <algorithm>

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

// The declared type of the argument that is passed in argument register `n`, by the order of arguments alone. True of code that is
// compiled without optimisation; gives up at anything that is not passed in one general register.
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

void add(std::vector<SiteTarget>& targets, TypeIndex type, std::uint8_t evidence, bool is_direct) {
  if (type == kNoType || type == types::TypeGraph::kVoid) return;
  targets.push_back({type, evidence, is_direct});
}

}  // namespace

UseIndex::UseIndex(const FunctionFlow& flow) : flow_(flow), is_returned_(flow.atoms.size()) {
  for (AtomId id = 0; id < flow.atoms.size(); ++id) {
    if (flow.atoms[id].kind != AtomKind::choice) continue;
    for (const Value& source : flow.atoms[id].sources) {
      if (source.is_atom()) choices_.add(source.atom, id);
    }
  }
  for (const HoldFact& hold : flow.holds) holds_.add(hold.value.atom, &hold);
  for (const StoreFact& store : flow.stores) {
    if (store.value.is_atom()) stores_.add(store.value.atom, &store);
    const MemoryPlace& place = store.access.place;
    if (place.displacement == 0 && place.index == Register::none && store.access.base.is_atom()) {
      stores_through_.add(store.access.base.atom, &store);
    }
  }
  for (const CallFact& call : flow.calls) {
    for (int n = 0; n < 6; ++n) {
      const Value& value = call.arguments[static_cast<std::size_t>(n)];
      if (value.is_atom()) arguments_.add(value.atom, {&call, n});
    }
  }
  for (const Value& value : flow.returns) {
    if (value.is_atom()) is_returned_[value.atom] = true;
  }
  choices_.sort(flow.atoms.size());
  holds_.sort(flow.atoms.size());
  stores_.sort(flow.atoms.size());
  stores_through_.sort(flow.atoms.size());
  arguments_.sort(flow.atoms.size());
}

const ResultUses& UseIndex::uses_of(AtomId result) const {
  const auto [at, is_new] = uses_.try_emplace(result);
  ResultUses& uses = at->second;
  if (!is_new) return uses;
  std::vector<bool> seen(flow_.atoms.size());
  std::vector<AtomId> todo{result};
  seen[result] = true;
  while (!todo.empty()) {
    const AtomId id = todo.back();
    todo.pop_back();
    const bool is_direct = id == result;
    for (const HoldFact* hold : holds_.of(id)) uses.holds.push_back({hold, is_direct});
    for (const StoreFact* store : stores_.of(id)) uses.stores.push_back({store, is_direct});
    for (const auto& [call, n] : arguments_.of(id)) uses.arguments.push_back({call, n, is_direct});
    if (is_direct) {
      const auto words = stores_through_.of(id);
      uses.initial_words.assign(words.begin(), words.end());
    }
    uses.is_returned = uses.is_returned || is_returned_[id];
    uses.is_returned_always = uses.is_returned_always || (is_returned_[id] && is_direct);
    for (const AtomId choice : choices_.of(id)) {
      if (!seen[choice]) todo.push_back(choice);
      seen[choice] = true;
    }
  }
  return uses;
}

TypeIndex returned_pointee(const ObjectModel& model, const FunctionRecord* function) {
  if (function == nullptr || function->type == kNoType) return kNoType;
  const TypeIndex pointee = pointee_of(model.types, model.types[function->type].target);
  return pointee == types::TypeGraph::kVoid ? kNoType : pointee;
}

TargetFinder::TargetFinder(const ObjectModel& model, const TypedStatics& statics,
                           const VirtualTables& virtual_tables, const FunctionRecord* function,
                           const FunctionFlow& flow)
    : model_(model),
      virtual_tables_(virtual_tables),
      function_(function),
      flow_(flow),
      variables_(model, function),
      pointers_(model, statics, variables_, flow, result_types_),
      uses_(flow) {
  for (const CallFact& call : flow.calls) {
    if (call.callee.address == 0 || call.result == kConstant) continue;
    const TypeIndex type = returned_pointee(model, function_with_entry(model, call.callee.address));
    if (type != kNoType) result_types_[call.result] = type;
  }
}

std::vector<SiteTarget> TargetFinder::targets_of_result(const CallFact& call) const {
  std::vector<SiteTarget> targets;
  if (call.return_address == 0) return targets;
  const ResultUses& uses = uses_.uses_of(call.result);
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
  return call.return_address == 0 || uses_.uses_of(call.result).is_returned;
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
