// SPDX-License-Identifier: Apache-2.0
#include "meta/wrappers.h"

#include <algorithm>

#include "meta/request_size.h"

namespace allocs::meta {
namespace {

const Value& argument(const CallFact& call, int n) {
  return call.arguments[static_cast<std::size_t>(n)];
}

// The argument of which functions behind pointers have made a number, and nothing else; kNoArgument if it is not so.
int argument_handed_through(const AtomTable& atoms, const Value& value) {
  if (!value.is_atom() || value.factor != 1) return kNoArgument;
  bool is_handed_through = false;
  for (const AtomId id : atoms.ingredients(value)) {
    const AtomKind kind = atoms[id].kind;
    const bool is_known = kind == AtomKind::entry || atoms[id].source_count != 0;
    const bool is_simple = kind == AtomKind::entry || kind == AtomKind::opaque ||
                           kind == AtomKind::choice || kind == AtomKind::result;
    if (!is_known || !is_simple) return kNoArgument;
    is_handed_through = is_handed_through || kind == AtomKind::result;
  }
  const std::vector<int> arguments = arguments_behind(atoms, value);
  return is_handed_through && arguments.size() == 1 ? arguments[0] : kNoArgument;
}

// How the wrapper's arguments make up a number: one argument times a constant, or two. A constant that is added is the wrapper's
// own business. No size if it is not so simple.
AllocationFunction sized_by(const AtomTable& atoms, const Value& value) {
  AllocationFunction wrapper;
  const ScaledArgument one = scaled_argument(atoms, value);
  if (one.argument != kNoArgument) {
    wrapper.size = one.argument;
    wrapper.unit = one.factor;
    return wrapper;
  }
  if (value.is_constant()) return wrapper;
  // Rounded up, most likely: its caller's constants are what its caller asks for.
  if (const int one_alone = argument_handed_through(atoms, value); one_alone != kNoArgument) {
    wrapper.size = one_alone;
    return wrapper;
  }
  for (const AtomId id : atoms.alternatives(Value::of(value.atom))) {
    if (atoms[id].kind != AtomKind::product) continue;
    const ScaledArgument a = scaled_argument(atoms, atoms.sources_of(id)[0]);
    const ScaledArgument b = scaled_argument(atoms, atoms.sources_of(id)[1]);
    if (a.argument == kNoArgument || b.argument == kNoArgument) continue;
    wrapper.size = b.argument;
    wrapper.count = a.argument;
    wrapper.unit = times(times(a.factor, b.factor), value.factor);
  }
  return wrapper;
}

AllocationFunction sized_like(const AtomTable& atoms, const CallFact& call,
                              const AllocationFunction& callee) {
  const Value& bytes = argument(call, callee.size);
  AllocationFunction wrapper;
  if (callee.count == kNoArgument) {
    wrapper = sized_by(atoms, bytes);
  } else if (const Value& count = argument(call, callee.count); count.is_constant()) {
    wrapper = sized_by(atoms, bytes);
    wrapper.unit = times(wrapper.unit, count.addend);
  } else if (bytes.is_constant()) {
    wrapper = sized_by(atoms, count);
    wrapper.unit = times(wrapper.unit, bytes.addend);
  } else {
    const ScaledArgument a = scaled_argument(atoms, count);
    const ScaledArgument b = scaled_argument(atoms, bytes);
    if (a.argument != kNoArgument && b.argument != kNoArgument) {
      wrapper.size = b.argument;
      wrapper.count = a.argument;
      wrapper.unit = times(a.factor, b.factor);
    }
  }
  wrapper.unit = times(wrapper.unit, callee.unit);
  wrapper.may_be_counted = callee.may_be_counted;
  return wrapper;
}

// Whether a function's declaration leaves open what is at the address that it returns: void*, char*, an integer, or no
// declaration at all.
bool returns_bytes(const types::ObjectModel& model, const types::FunctionRecord* function) {
  if (function == nullptr || function->type == types::kNoType) return true;
  const types::TypeIndex result = model.types[function->type].target;
  if (result == types::kNoType) return false;
  const types::TypeRecord& type = model.types[result];
  if (type.kind == types::Kind::base) return type.size == 8;
  if (type.kind != types::Kind::address) return false;
  const types::TypeIndex pointee = returned_pointee(model, function);
  return pointee == types::kNoType ||
         (model.types[pointee].kind == types::Kind::base && model.types[pointee].size == 1);
}

// A function that returns a pointer to a structure, and asks for as many bytes as its caller says, makes things that only begin with such a
// structure (`Object *new_object(kind, size_t bytes)`): what else there is, its callers know.
bool makes_what_begins_with_it(const types::ObjectModel& model,
                               const types::FunctionRecord* function, const AtomTable& atoms,
                               const CallFact& call, const AllocationFunction& callee) {
  const types::TypeIndex pointee = returned_pointee(model, function);
  if (pointee == types::kNoType || model.types[pointee].kind != types::Kind::composite)
    return false;
  if (callee.count != kNoArgument || callee.unit != 1 || callee.may_be_counted) return false;
  const Value& bytes = argument(call, callee.size);
  return bytes.addend == 0 && bytes.factor == 1 &&
         scaled_argument(atoms, bytes).argument != kNoArgument;
}

// `struct head *h = malloc(sizeof *h + n); return h;`: the block begins with what is the function's own business.
bool has_own_head(const types::ObjectModel& model, const TargetFinder& targets,
                  const CallFact& call, const AllocationFunction& callee) {
  if (callee.count != kNoArgument || callee.unit != 1) return false;
  const Value& bytes = argument(call, callee.size);
  const std::vector<SiteTarget> all = targets.targets_of_result(call);
  return !bytes.is_constant() && std::ranges::any_of(all, [&](const SiteTarget& target) {
    const types::TypeRecord& type = model.types[target.type];
    return target.is_direct && type.kind == types::Kind::composite && type.size != 0 &&
           bytes.addend >= 0 && type.size <= static_cast<std::uint64_t>(bytes.addend);
  });
}

// Whether the function is declared, and has not as many arguments.
bool lacks_argument(const types::ObjectModel& model, const types::FunctionRecord* function, int n) {
  if (function == nullptr || function->type == types::kNoType || n == kNoArgument) return false;
  const auto declared = model.types.members_of(function->type).size();
  const bool is_variadic = (model.types[function->type].flags & types::kTypeVariadic) != 0;
  return !is_variadic && declared <= static_cast<std::size_t>(n);
}

bool is_from_argument(const TargetFinder& targets, const FunctionFlow& flow, const Value& value,
                      std::uint64_t pc) {
  return !arguments_behind(flow.atoms, value).empty() || targets.is_from_argument(value, pc);
}

// Whether a function of the object has computed it, of an argument among others: `malloc(bytes_of(n))`.
bool is_computed_from_argument(const types::ObjectModel& model, const TargetFinder& targets,
                               const FunctionFlow& flow, const Value& value) {
  if (value.is_constant()) return false;
  for (const AtomId id : flow.atoms.ingredients(value)) {
    if (flow.atoms[id].kind != AtomKind::result) continue;
    const auto by = std::ranges::find(flow.calls, id, &CallFact::result);
    if (by == flow.calls.end() || by->callee.address == 0) continue;
    const types::FunctionRecord* const function =
        types::function_with_entry(model, by->callee.address);
    for (int n = 0; n < 6 && !lacks_argument(model, function, n); ++n) {
      if (is_from_argument(targets, flow, argument(*by, n), by->at)) return true;
    }
  }
  return false;
}

bool is_address(const types::ObjectModel& model, const types::FunctionRecord* function, int n) {
  if (function == nullptr || n == kNoArgument) return false;
  const types::TypeIndex type = argument_by_position(model, *function, n);
  return type != types::kNoType && model.types[type].kind == types::Kind::address;
}

}  // namespace

bool may_be_wrapper_around(const types::ObjectModel& model, const types::FunctionRecord* function,
                           const FunctionFlow& flow, const CallFact& call,
                           const AllocationFunction& callee) {
  if (callee.size == kNoArgument || callee.kind == AllocationKind::typed) return false;
  return returns_bytes(model, function) ||
         makes_what_begins_with_it(model, function, flow.atoms, call, callee);
}

std::optional<AllocationFunction> wrapper_around(const types::ObjectModel& model,
                                                 const types::FunctionRecord* function,
                                                 const FunctionFlow& flow,
                                                 const TargetFinder& targets, const CallFact& call,
                                                 const AllocationFunction& callee) {
  if (!targets.is_returned(call)) return std::nullopt;
  bool from_argument = false;
  for (const int n : {callee.size, callee.count}) {
    if (n == kNoArgument) continue;
    from_argument = from_argument || is_from_argument(targets, flow, argument(call, n), call.at) ||
                    is_computed_from_argument(model, targets, flow, argument(call, n));
  }
  if (!from_argument || has_own_head(model, targets, call, callee)) return std::nullopt;
  const AllocationFunction wrapper = sized_like(flow.atoms, call, callee);
  // `calloc(0, n)`: a way on which the compiler knows that nothing is asked for. The others tell.
  if (wrapper.unit == 0) return std::nullopt;
  // Which of its arguments a pointer's function takes for the size is a guess; what is declared to be an address is none, nor is what a register happens to hold.
  const bool is_guess = !call.callee.known() || call.callee.may_be_another;
  for (const int n : {wrapper.size, wrapper.count}) {
    if (is_guess && (is_address(model, function, n) || lacks_argument(model, function, n)))
      return std::nullopt;
  }
  return wrapper;
}

}  // namespace allocs::meta
