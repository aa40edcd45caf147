// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "declarations/container_rule.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Finds the containers among the model's types, and puts into it where their elements are. Of rules for one name the users' are tried
// first. A rule whose members or types are not all there says nothing. May add pointer types to the model.
void add_containers(std::span<const declarations::ContainerRule> users,
                    std::span<const declarations::ContainerRule> built_in,
                    types::ObjectModel& model);

}  // namespace allocs::meta
