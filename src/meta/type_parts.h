// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "types/write/object_model.h"

namespace allocs::meta {

// The one thing of `size` bytes that lies `offset` bytes into something of `type`: a member, an element, or one of these inside; kNoType if that
// is not one thing (two bit-fields, a union, two members). `path`, if given, gets ".member[2]" appended.
types::TypeIndex part_of(const types::ObjectModel& model, types::TypeIndex type,
                         std::uint64_t offset, std::uint64_t size, std::string* path = nullptr);

}  // namespace allocs::meta
