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

// Functions of libc that read or write text at their argument `n`. Those that copy any memory are none.
bool takes_text(const Callee& callee, int n) {
  constexpr struct {
    std::string_view name;
    unsigned arguments;  // bit n: argument n is text
  } kFunctions[] = {
      {"strlen", 1},     {"strnlen", 1},  {"strcpy", 3},     {"stpcpy", 3},    {"strncpy", 3},
      {"strcat", 3},     {"strncat", 3},  {"strcmp", 3},     {"strncmp", 3},   {"strcasecmp", 3},
      {"strchr", 1},     {"strrchr", 1},  {"strstr", 3},     {"strspn", 3},    {"strcspn", 3},
      {"strpbrk", 3},    {"strdup", 1},   {"strtol", 1},     {"strtoul", 1},   {"strtoll", 1},
      {"strtoull", 1},   {"strtod", 1},   {"atoi", 1},       {"atol", 1},      {"atoll", 1},
      {"sprintf", 3},    {"vsprintf", 3}, {"snprintf", 5},   {"vsnprintf", 5}, {"fgets", 1},
      {"fputs", 1},      {"puts", 1},     {"getcwd", 1},     {"realpath", 3},  {"readlink", 3},
      {"strerror_r", 2}, {"strftime", 5}, {"strncasecmp", 3}};
  std::string_view name = callee.name;
  if (callee.address != 0 || n < 0) return false;  // the program's own of that name
  constexpr std::string_view kChecked = "__", kEnd = "_chk";
  if (name.starts_with(kChecked) && name.ends_with(kEnd))
    name = name.substr(kChecked.size(), name.size() - kChecked.size() - kEnd.size());
  // snprintf and its like have two more numbers in front of the format when they are checked.
  const bool is_checked_format = name != callee.name && name.ends_with("printf");
  for (const auto& [known, arguments] : kFunctions) {
    if (name == known) return (is_checked_format ? n == 0 : (arguments >> n & 1) != 0);
  }
  return false;
}

// Functions of libc that copy, clear, move or free memory of any kind.
bool takes_any_memory(const Callee& callee) {
  static constexpr std::string_view kFunctions[] = {
      "memcpy",       "memmove",      "memset",     "mempcpy",
      "memcmp",       "memchr",       "free",       "realloc",
      "reallocarray", "read",         "write",      "pread",
      "pwrite",       "fread",        "fwrite",     "recv",
      "send",         "__memcpy_chk", "bcopy",      "bzero",
      "bcmp",         "__memset_chk", "__read_chk", "__memmove_chk",
      "__fread_chk",  "memrchr",      "cfree",      "malloc_usable_size"};
  return callee.address == 0 && std::ranges::find(kFunctions, callee.name) != std::end(kFunctions);
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

UseIndex::UseIndex(const FunctionFlow& flow)
    : flow_(flow), is_returned_(flow.atoms.size()), is_returned_moved_(flow.atoms.size()) {
  for (AtomId id = 0; id < flow.atoms.size(); ++id) {
    const AtomKind kind = flow.atoms[id].kind;
    const bool is_choice = kind == AtomKind::choice;
    const bool is_distance = kind == AtomKind::sum || kind == AtomKind::opaque;
    if (!is_choice && !is_distance) continue;
    for (const Value& source : flow.atoms[id].sources) {
      if (is_choice && source.is_atom()) choices_.add(source.atom, id);
      if (source.factor == 1) derived_.add(source.atom, {id, is_distance || source.addend != 0});
    }
  }
  for (const HoldFact& hold : flow.holds) holds_.add(hold.value.atom, &hold);
  for (const StoreFact& store : flow.stores) {
    if (store.value.factor == 1) stores_.add(store.value.atom, &store);
    const MemoryPlace& place = store.access.place;
    if (place.displacement == 0 && place.index == Register::none && store.access.base.is_atom()) {
      stores_through_.add(store.access.base.atom, &store);
    }
  }
  for (const UseFact& use : flow.uses) {
    if (use.address.factor == 1) memory_.add(use.address.atom, &use);
  }
  for (const CallFact& call : flow.calls) {
    for (int n = 0; n < 6; ++n) {
      const Value& value = call.arguments[static_cast<std::size_t>(n)];
      if (value.factor == 1) arguments_.add(value.atom, {&call, n});
    }
  }
  for (const Value& value : flow.returns) {
    if (value.is_atom()) is_returned_[value.atom] = true;
    if (value.factor == 1 && value.addend != 0) is_returned_moved_[value.atom] = true;
  }
  choices_.sort(flow.atoms.size());
  derived_.sort(flow.atoms.size());
  holds_.sort(flow.atoms.size());
  stores_.sort(flow.atoms.size());
  stores_through_.sort(flow.atoms.size());
  memory_.sort(flow.atoms.size());
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
    for (const HoldFact* hold : holds_.of(id)) {
      if (hold->value.is_atom()) uses.holds.push_back({hold, is_direct});
    }
    for (const StoreFact* store : stores_.of(id)) {
      if (store->value.is_atom()) uses.stores.push_back({store, is_direct});
    }
    for (const auto& [call, n] : arguments_.of(id)) {
      if (call->arguments[static_cast<std::size_t>(n)].is_atom())
        uses.arguments.push_back({call, n, is_direct});
    }
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
  add_uses_elsewhere(result, uses);
  return uses;
}

void UseIndex::add_uses_elsewhere(AtomId result, ResultUses& uses) const {
  std::vector<bool> seen_at(flow_.atoms.size()), seen_elsewhere(flow_.atoms.size());
  std::vector<Derived> todo;
  const auto visit = [&](AtomId atom, bool is_elsewhere) {
    std::vector<bool>& seen = is_elsewhere ? seen_elsewhere : seen_at;
    if (!seen[atom]) todo.push_back({atom, is_elsewhere});
    seen[atom] = true;
  };
  visit(result, false);
  while (!todo.empty()) {
    const Derived at = todo.back();
    todo.pop_back();
    const auto counts = [&](const Value& value) { return at.is_elsewhere || value.addend != 0; };
    for (const HoldFact* hold : holds_.of(at.atom)) {
      if (counts(hold->value)) uses.holds_elsewhere.push_back(hold);
    }
    for (const StoreFact* store : stores_.of(at.atom)) {
      if (counts(store->value)) uses.stores_elsewhere.push_back(store);
    }
    for (const auto& [call, n] : arguments_.of(at.atom)) {
      if (counts(call->arguments[static_cast<std::size_t>(n)]))
        uses.arguments_elsewhere.emplace_back(call, n);
    }
    for (const UseFact* use : memory_.of(at.atom)) uses.memory.push_back(use);
    uses.is_returned_elsewhere = uses.is_returned_elsewhere || is_returned_moved_[at.atom] ||
                                 (at.is_elsewhere && is_returned_[at.atom]);
    for (const Derived& next : derived_.of(at.atom))
      visit(next.atom, at.is_elsewhere || next.is_elsewhere);
  }
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
  const auto add_computed = [&](const HoldFact& hold) {
    for (const auto& one : variables_.computed_from(hold.gpr, hold.low, hold.high)) {
      const bool is_elsewhere = !one.addend || plus(hold.value.addend, *one.addend) != 0;
      if (is_elsewhere) add_type(pointee_of(model_.types, one.type));
    }
  };
  const ResultUses& uses = uses_.uses_of(atom);
  for (const ResultUses::Hold& hold : uses.holds) add_computed(*hold.fact);
  for (const HoldFact* hold : uses.holds_elsewhere) {
    add_computed(*hold);
    for (const TypeIndex type : variables_.in_register(hold->gpr, hold->low, hold->high))
      add_type(pointee_of(model_.types, type));
  }
  for (const StoreFact* store : uses.stores_elsewhere) {
    for (const TypeIndex type : pointers_.declared_targets(store->access, store->after))
      add_type(type);
  }
  for (const auto& [callee, n] : uses.arguments_elsewhere) {
    std::vector<SiteTarget> targets;
    add_argument_targets(targets, callee->callee, n, true);
    for (const SiteTarget& target : targets) add_type(target.type);
  }
  if (uses.is_returned_elsewhere && function_ != nullptr && function_->type != kNoType) {
    const TypeIndex type = pointee_of(model_.types, model_.types[function_->type].target);
    if (type != kNoType) found.push_back(type);
  }
  return found;
}

MemoryUse TargetFinder::memory_use(AtomId atom) const {
  const ResultUses& uses = uses_.uses_of(atom);
  MemoryUse found;
  for (const UseFact* use : uses.memory) {
    // Vector registers copy memory, whatever lies in it.
    (use->is_block ? found.is_hidden : use->size == 1 ? found.as_bytes : found.as_more) = true;
  }
  const auto see_argument = [&](const CallFact& call, int n) {
    if (takes_text(call.callee, n)) {
      found.as_bytes = true;
    } else if (!takes_any_memory(call.callee) && !is_declared_as_text(call.callee, n)) {
      found.is_hidden = true;
    }
  };
  for (const ResultUses::Argument& use : uses.arguments) see_argument(*use.call, use.number);
  for (const auto& [call, n] : uses.arguments_elsewhere) see_argument(*call, n);
  return found;
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
  for (const ResultUses::Store& store : uses_.uses_of(atom).stores) {
    if (store.fact->access.base.is_in_frame()) continue;
    const std::vector<TypedPlace> places =
        pointers_.places_of(store.fact->access, store.fact->after);
    if (places.empty()) return std::nullopt;
    found.insert(found.end(), places.begin(), places.end());
  }
  return found;
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
