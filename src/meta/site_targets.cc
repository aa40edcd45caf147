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

UsesByResult uses_of_results(const FunctionFlow& flow) {
  UsesByResult uses;
  const auto each_result = [&](const Value& value, auto note) {
    for (const AtomId id : flow.atoms.alternatives(value)) {
      if (flow.atoms[id].kind == AtomKind::result) note(uses[id], id == value.atom);
    }
  };
  for (const HoldFact& hold : flow.holds) {
    each_result(hold.value, [&](ResultUses& of, bool direct) {
      of.holds.push_back({&hold, direct});
    });
  }
  for (const StoreFact& store : flow.stores) {
    each_result(store.value, [&](ResultUses& of, bool direct) {
      of.stores.push_back({&store, direct});
    });
    const bool is_first_word =
        store.access.place.displacement == 0 && store.access.place.index == Register::none;
    if (!is_first_word) continue;
    each_result(store.access.base, [&](ResultUses& of, bool direct) {
      if (direct) of.initial_words.push_back(&store);
    });
  }
  for (const CallFact& call : flow.calls) {
    for (int n = 0; n < 6; ++n) {
      each_result(call.arguments[static_cast<std::size_t>(n)], [&](ResultUses& of, bool direct) {
        of.arguments.push_back({&call, n, direct});
      });
    }
  }
  for (const Value& value : flow.returns) {
    each_result(value, [&](ResultUses& of, bool direct) {
      of.is_returned = true;
      of.is_returned_always = of.is_returned_always || direct;
    });
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
      uses_(uses_of_results(flow)) {
  for (const CallFact& call : flow.calls) {
    if (call.callee.address == 0 || call.result == kConstant) continue;
    const TypeIndex type = returned_pointee(model, function_with_entry(model, call.callee.address));
    if (type != kNoType) result_types_[call.result] = type;
  }
}

std::vector<SiteTarget> TargetFinder::targets_of_result(const CallFact& call) const {
  std::vector<SiteTarget> targets;
  const auto found = uses_.find(call.result);
  if (call.return_address == 0 || found == uses_.end()) return targets;
  const ResultUses& uses = found->second;
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
  const auto uses = uses_.find(call.result);
  if (call.return_address == 0 || uses == uses_.end()) return found;
  for (const StoreFact* store : uses->second.initial_words) {
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
  const auto found = uses_.find(call.result);
  return found != uses_.end() && found->second.is_returned;
}

bool TargetFinder::is_from_argument(const Value& value, std::uint64_t pc) const {
  if (value.is_constant()) return false;
  std::vector<AtomId> behind{value.atom};
  for (std::size_t i = 0; i < behind.size(); ++i) {
    const Atom& atom = flow_.atoms[behind[i]];
    switch (atom.kind) {
      case AtomKind::load:
        if (atom.access.base.is_in_frame() && atom.access.place.index == Register::none) {
          const std::int64_t offset = plus(atom.access.base.addend, atom.access.place.displacement);
          if (variables_.is_argument_in_frame(offset, pc)) return true;
        }
        break;
      case AtomKind::choice:
      case AtomKind::opaque:
        if (atom.where < static_cast<std::int64_t>(kRegisterCount) &&
            variables_.is_argument_in_register(static_cast<Register>(atom.where), atom.pc)) {
          return true;
        }
        break;
      default:
        break;
    }
    for (const Value& source : atom.sources) {
      if (!source.is_constant() &&
          std::find(behind.begin(), behind.end(), source.atom) == behind.end()) {
        behind.push_back(source.atom);
      }
    }
  }
  return false;
}

}  // namespace allocs::meta
