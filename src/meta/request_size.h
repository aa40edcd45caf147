// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "meta/allocation_functions.h"
#include "meta/value_flow.h"

namespace allocs::meta {

// What is known of a number: it is addend + stride * n for some n that is not known. A constant has stride 0. Nothing is known
// of addend 0, stride 1.
struct LinearForm {
  std::int64_t stride = 1;
  std::int64_t addend = 0;
  std::int64_t part =
      0;  // of a sum of multiples of different numbers, 8 * n + 24 * k, the largest; else 0

  bool is_constant() const { return stride == 0; }
  bool is_unknown() const { return stride == 1 && addend == 0; }
  friend bool operator==(const LinearForm&, const LinearForm&) = default;
};

// What a function of the object does that a call leads to, if it is short and can be no other; else nullptr.
using FlowOf = std::function<const FunctionFlow*(const Callee&)>;

LinearForm linear_form(const FunctionFlow& flow, const Value& value, const FlowOf& flow_of);

// The bytes that one call asks for.
struct RequestSize {
  LinearForm bytes;
  std::optional<std::int64_t> element;  // of a calloc-like call whose element size is a constant
};

RequestSize request_size(const FunctionFlow& flow, const CallFact& call,
                         const AllocationFunction& function, const FlowOf& flow_of);

// Which of the function's own arguments the value is computed from, in any way.
std::vector<int> arguments_behind(const AtomTable& atoms, const Value& value);

// The argument that the value is a multiple of, or an alternative to; kNoArgument if it is not so simple.
struct ScaledArgument {
  int argument = kNoArgument;
  std::int64_t factor = 1;
};
ScaledArgument scaled_argument(const AtomTable& atoms, const Value& value);

}  // namespace allocs::meta
