// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "meta/allocation_functions.h"
#include "meta/site_targets.h"

namespace allocs::meta {

// Whether what a function declares to return leaves it open that it is a wrapper around `callee`.
bool may_be_wrapper_around(const types::ObjectModel& model, const types::FunctionRecord* function,
                           const FunctionFlow& flow, const CallFact& call,
                           const AllocationFunction& callee);

// What such a function is to its callers if it returns what `call`, of an allocation function, returned, and if what it asks for
// depends on its own arguments: an allocation function as well, whose callers know what the block is for. Nothing if it
// is not so.
std::optional<AllocationFunction> wrapper_around(const types::ObjectModel& model,
                                                 const types::FunctionRecord* function,
                                                 const FunctionFlow& flow,
                                                 const TargetFinder& targets, const CallFact& call,
                                                 const AllocationFunction& callee);

}  // namespace allocs::meta
