// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "meta/linkage.h"
#include "meta/typed_places.h"
#include "meta/value_flow.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// What is known of one function and of the object that it is in.
struct FunctionInObject {
  const ElfFile& object;
  const Linkage& linkage;
  const types::ObjectModel& model;
  const TypedStatics& statics;
  const OptimisedPointers& optimised;
  const types::FunctionRecord* function;  // nullptr without debug information
  const FunctionFlow& flow;
  std::function<FunctionFlow()>
      follow_all;  // the flow again, with what is done with arguments and loads as well
};

// The types of which one is at the start of the block that `call` returns: at least two structures, and perhaps a byte. Empty if it is not
// known to begin so. `size` is the number of the argument that says how many bytes there are; `others` are the types that pointers into the
// block have that go to memory, to functions or to callers.
std::vector<types::TypeIndex> heads_in_front(const FunctionInObject& in, const CallFact& call,
                                             int size, std::span<const types::TypeIndex> others);

}  // namespace allocs::meta
