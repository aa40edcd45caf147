// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/move.h"
#include "runtime/preload/malloc_memory.h"
#include "runtime/self/self_process.h"

// A word holds an address in an allocation that is to move. Is it a reference?
namespace allocs::preload {

struct Verdict {
  bool is_reference = false;
  int obstacle = ALLOC_NO_OBSTACLE;  // cannot be told: enum alloc_obstacle_kind
};

// What the types of what lies at `at` say. Context: query; takes no lock that a stopped thread may hold.
Verdict judge_place(const self::SelfProcess& process, const MallocMemory& malloc, Address at);

}  // namespace allocs::preload
