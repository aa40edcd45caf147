// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs.h"
#include "runtime/query/answer.h"

namespace allocs::preload {

// The public object of an allocator; nullptr for Allocator::none. Context: signal.
allocator* object_of(query::Allocator allocator);
// And back; Allocator::registered for an object that is not ours. Context: signal.
query::Allocator allocator_of(const allocator* object);

// From here on the objects are the program's, if it was linked to have its own. Context: init.
void adopt_objects_of_program();

}  // namespace allocs::preload
