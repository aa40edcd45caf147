// SPDX-License-Identifier: Apache-2.0
#include "meta/wrappers.h"

#include "meta/request_size.h"

namespace allocs::meta {
namespace {

const Value& argument(const CallFact& call, int n) {
  return call.arguments[static_cast<std::size_t>(n)];
}

// How the wrapper's arguments make up the size. No size if it is not one argument, times a constant, plus a constant: the
// constant that is added is the wrapper's own business.
AllocationFunction sized_like(const AtomTable& atoms, const CallFact& call,
                              const AllocationFunction& callee) {
  AllocationFunction wrapper;
  const Value& bytes = argument(call, callee.size);
  const ScaledArgument size = scaled_argument(atoms, bytes);
  if (callee.count != kNoArgument) {
    const Value& number = argument(call, callee.count);
    const ScaledArgument count = scaled_argument(atoms, number);
    if (size.argument != kNoArgument && count.argument != kNoArgument) {
      wrapper.size = size.argument;
      wrapper.count = count.argument;
      wrapper.unit = times(size.factor, count.factor);
    } else if (size.argument != kNoArgument && number.is_constant()) {
      wrapper.size = size.argument;
      wrapper.unit = times(size.factor, number.addend);
    } else if (count.argument != kNoArgument && bytes.is_constant()) {
      wrapper.size = count.argument;
      wrapper.unit = times(count.factor, bytes.addend);
    }
  } else if (size.argument != kNoArgument) {
    wrapper.size = size.argument;
    wrapper.unit = size.factor;
  } else if (!bytes.is_constant()) {
    for (const AtomId id : atoms.alternatives(Value::of(bytes.atom))) {
      if (atoms[id].kind != AtomKind::product) continue;
      const ScaledArgument a = scaled_argument(atoms, atoms[id].sources[0]);
      const ScaledArgument b = scaled_argument(atoms, atoms[id].sources[1]);
      if (a.argument == kNoArgument || b.argument == kNoArgument) continue;
      wrapper.size = b.argument;
      wrapper.count = a.argument;
      wrapper.unit = times(times(a.factor, b.factor), bytes.factor);
    }
  }
  wrapper.unit = times(wrapper.unit, callee.unit);
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

}  // namespace

std::optional<AllocationFunction> wrapper_around(const types::ObjectModel& model,
                                                 const types::FunctionRecord* function,
                                                 const FunctionFlow& flow,
                                                 const TargetFinder& targets, const CallFact& call,
                                                 const AllocationFunction& callee) {
  if (callee.size == kNoArgument || callee.kind == AllocationKind::text) return std::nullopt;
  if (!targets.is_returned(call)) return std::nullopt;
  if (!returns_bytes(model, function)) return std::nullopt;
  bool from_argument = false;
  for (const int n : {callee.size, callee.count}) {
    if (n == kNoArgument) continue;
    from_argument = from_argument || !arguments_behind(flow.atoms, argument(call, n)).empty() ||
                    targets.is_from_argument(argument(call, n), call.at);
  }
  if (!from_argument) return std::nullopt;
  return sized_like(flow.atoms, call, callee);
}

}  // namespace allocs::meta
