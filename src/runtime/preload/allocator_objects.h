// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs.h"
#include "runtime/query/answer.h"

namespace allocs::preload {

// The public object of an allocator; nullptr for Allocator::none. Context: signal.
allocator* object_of(query::Allocator allocator);

}  // namespace allocs::preload
