// SPDX-License-Identifier: Apache-2.0
#include "meta/request_size.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace allocs::meta {
namespace {

constexpr int kMostSteps = 200;  // into what a number is made of; beyond that it counts as unknown
constexpr LinearForm kUnknownForm{};

LinearForm constant_form(std::int64_t n) { return {0, n}; }

LinearForm scale(const LinearForm& form, std::int64_t factor) {
  return {std::abs(times(form.stride, factor)), times(form.addend, factor),
          std::abs(times(form.part, factor))};
}

LinearForm add(const LinearForm& a, const LinearForm& b) {
  // Compilers make 8 * n + 24 * k of 8 * (n + 3 * k), and the other way round.
  const bool are_parts = !a.is_constant() && !b.is_constant() && a.stride != b.stride;
  const std::int64_t part = are_parts ? std::max(a.stride, b.stride) : 0;
  return {std::gcd(a.stride, b.stride), plus(a.addend, b.addend), std::max({a.part, b.part, part})};
}

LinearForm multiply(const LinearForm& a, const LinearForm& b) {
  if (a.is_constant()) return scale(b, a.addend);
  if (b.is_constant()) return scale(a, b.addend);
  if (a.addend != 0 || b.addend != 0) return kUnknownForm;
  const std::int64_t part = std::max(times(a.part, b.stride), times(b.part, a.stride));
  return {std::max<std::int64_t>(times(a.stride, b.stride), 1), 0, part};
}

// True of what either form is true of. All ones is what `new T[n]` asks for when n overflows: it says nothing about T.
LinearForm either(const LinearForm& a, const LinearForm& b) {
  if (a == constant_form(-1)) return b;
  if (b == constant_form(-1)) return a;
  const std::int64_t stride =
      std::gcd(std::gcd(a.stride, b.stride), plus(a.addend, times(b.addend, -1)));
  if (stride == 0) return a;
  const bool same_rest = a.addend % stride == 0 && b.addend % stride == 0;
  return {stride, same_rest ? 0 : std::min(a.addend, b.addend), std::max(a.part, b.part)};
}

// The number of the argument register, or kNoArgument.
int argument_number(const Atom& atom) {
  if (atom.kind != AtomKind::entry) return kNoArgument;
  for (int n = 0; n < 6; ++n) {
    if (static_cast<std::int64_t>(kArgumentRegisters[n]) == atom.where) return n;
  }
  return kNoArgument;
}

// Numbers that one function computes; or, if it is called to compute one, in terms of what its caller gave it.
class Forms {
 public:
  Forms(const FunctionFlow& flow, const FlowOf& flow_of, int& steps)
      : flow_(flow), flow_of_(flow_of), steps_(steps) {}

  LinearForm of(const Value& value) const {
    if (value.is_constant()) return constant_form(value.addend);
    return add(scale(of_atom(value.atom), value.factor), constant_form(value.addend));
  }

 private:
  Forms(const FunctionFlow& flow, const Forms& caller, const CallFact& call)
      : flow_(flow),
        flow_of_(caller.flow_of_),
        steps_(caller.steps_),
        caller_(&caller),
        call_(&call),
        depth_(caller.depth_ + 1) {}

  LinearForm of_atom(AtomId id) const {
    const Atom& atom = flow_.atoms[id];
    if (++steps_ > kMostSteps) return kUnknownForm;
    const std::span<const Value> sources = flow_.atoms.sources_of(atom);
    switch (atom.kind) {
      case AtomKind::sum:
        return add(of(sources[0]), of(sources[1]));
      case AtomKind::product:
        return multiply(of(sources[0]), of(sources[1]));
      case AtomKind::choice:
        return sources.size() < kMostSources ? of_any(sources) : kUnknownForm;
      case AtomKind::entry: {
        const int n = argument_number(atom);
        if (caller_ == nullptr || n == kNoArgument) return kUnknownForm;
        return caller_->of(call_->arguments[static_cast<std::size_t>(n)]);
      }
      case AtomKind::result:
        return of_result(id);
      default:
        return kUnknownForm;
    }
  }

  LinearForm of_any(std::span<const Value> values) const {
    std::optional<LinearForm> all;
    for (const Value& value : values) add_way(all, of(value));
    return all.value_or(kUnknownForm);
  }
  static void add_way(std::optional<LinearForm>& all, const LinearForm& one) {
    all = all ? either(*all, one) : one;
  }

  // `malloc(sum(sizeof *head, n))`: what the function makes of its arguments.
  LinearForm of_result(AtomId id) const {
    const auto call = std::ranges::find(flow_.calls, id, &CallFact::result);
    return call == flow_.calls.end() ? kUnknownForm : of_call(*call);
  }
  LinearForm of_call(const CallFact& call) const {
    constexpr int kDeepestCall = 3;
    if (depth_ == kDeepestCall || ++steps_ > kMostSteps) return kUnknownForm;
    const FunctionFlow* const callee = flow_of_ ? flow_of_(call.callee) : nullptr;
    if (callee == nullptr || !callee->is_complete || callee->has_way_out) return kUnknownForm;
    return Forms{*callee, *this, call}.of_returned();
  }
  LinearForm of_returned() const {
    std::optional<LinearForm> all;
    for (const Value& value : flow_.returns) add_way(all, of(value));
    for (const CallFact& call : flow_.calls) {
      if (call.return_address == 0)
        add_way(all, of_call(call));  // it ends in that function's place
    }
    return all.value_or(kUnknownForm);
  }

  const FunctionFlow& flow_;
  const FlowOf& flow_of_;
  int& steps_;
  const Forms* caller_ = nullptr;  // with its call of this one
  const CallFact* call_ = nullptr;
  int depth_ = 0;
};

const Value& argument(const CallFact& call, int n) {
  return call.arguments[static_cast<std::size_t>(n)];
}

}  // namespace

LinearForm linear_form(const FunctionFlow& flow, const Value& value, const FlowOf& flow_of) {
  int steps = 0;
  return Forms{flow, flow_of, steps}.of(value);
}

RequestSize request_size(const FunctionFlow& flow, const CallFact& call,
                         const AllocationFunction& function, const FlowOf& flow_of) {
  RequestSize size;
  if (function.size == kNoArgument || !flow.is_complete) return size;
  const LinearForm bytes =
      scale(linear_form(flow, argument(call, function.size), flow_of), function.unit);
  size.bytes = bytes;
  if (function.may_be_counted) {
    size.bytes = bytes.is_constant() ? LinearForm{std::abs(bytes.addend), 0}
                                     : LinearForm{std::gcd(bytes.stride, bytes.addend), 0};
    if (size.bytes.is_constant()) size.bytes = kUnknownForm;
  }
  if (function.count == kNoArgument) return size;
  const LinearForm count = linear_form(flow, argument(call, function.count), flow_of);
  if (bytes.is_constant()) {
    size.bytes = scale(count, bytes.addend);
    size.element = bytes.addend;
  } else if (count.is_constant()) {
    size.bytes = scale(bytes, count.addend);
    size.element = count.addend;  // the other way round: calloc(sizeof(T), n)
  } else {
    size.bytes = multiply(count, bytes);  // rows of elements
  }
  return size;
}

std::vector<int> arguments_behind(const AtomTable& atoms, const Value& value) {
  std::vector<int> found;
  for (const AtomId id : atoms.ingredients(value)) {
    const int n = argument_number(atoms[id]);
    if (n != kNoArgument && std::find(found.begin(), found.end(), n) == found.end()) {
      found.push_back(n);
    }
  }
  return found;
}

ScaledArgument scaled_argument(const AtomTable& atoms, const Value& value) {
  ScaledArgument found;
  if (value.is_constant()) return found;
  for (const AtomId id : atoms.alternatives(Value::of(value.atom))) {
    const int n = argument_number(atoms[id]);
    if (n == kNoArgument) continue;
    if (found.argument != kNoArgument && found.argument != n) return {};
    found = {n, value.factor};
  }
  return found;
}

}  // namespace allocs::meta
