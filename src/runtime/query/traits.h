// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/allocator.h"
#include "runtime/query/tree.h"

namespace allocs::query {

// What the built-in allocators say of any allocation of theirs. One row an allocator, in the order of `Allocator`.
struct TraitsRow {
  unsigned capabilities;
  alloc_lifetime lifetime;
  std::size_t alignment;
  int refusal;  // why an operation without a meaning is refused
};
inline constexpr std::size_t kPage = 4096, kWord = 8, kBlockAlignment = 16;
inline constexpr TraitsRow kTraitsRows[] = {
    {0, ALLOC_LIFE_PROCESS, 1, ALLOC_E_NO_SUCH_OPERATION},
    {ALLOC_CAN_NEW | ALLOC_CAN_RESIZE | ALLOC_CAN_FREE | ALLOC_CAN_SET_TYPE | ALLOC_CAN_SPLICE,
     ALLOC_LIFE_FREED, kPage, ALLOC_E_NO_SUCH_OPERATION},
    {ALLOC_CAN_RESIZE, ALLOC_LIFE_PROCESS, kPage, ALLOC_E_NO_SUCH_OPERATION},
    {0, ALLOC_LIFE_OBJECT, kPage, ALLOC_E_OF_OBJECT},
    {0, ALLOC_LIFE_OBJECT, 1, ALLOC_E_OF_OBJECT},
    {0, ALLOC_LIFE_OBJECT, 1, ALLOC_E_OF_OBJECT},
    {0, ALLOC_LIFE_OBJECT, 1, ALLOC_E_OF_OBJECT},
    {0, ALLOC_LIFE_THREAD, 1, ALLOC_E_OF_THREAD},
    {0, ALLOC_LIFE_THREAD, 1, ALLOC_E_OF_THREAD},
    {0, ALLOC_LIFE_PROCESS, 1, ALLOC_E_OF_KERNEL},
    {0, ALLOC_LIFE_THREAD, kWord, ALLOC_E_OF_THREAD},
    {0, ALLOC_LIFE_FRAME, 1, ALLOC_E_OF_FRAME},
    {ALLOC_CAN_NEW | ALLOC_CAN_RESIZE | ALLOC_CAN_FREE | ALLOC_CAN_SET_TYPE, ALLOC_LIFE_FREED,
     kBlockAlignment, ALLOC_E_NO_SUCH_OPERATION},
    {ALLOC_CAN_NEW | ALLOC_CAN_RESIZE | ALLOC_CAN_FREE | ALLOC_CAN_SET_TYPE, ALLOC_LIFE_FREED,
     kWord, ALLOC_E_NO_SUCH_OPERATION},
    {0, ALLOC_LIFE_PROCESS, 1, ALLOC_E_OF_RUN_TIME},  // it begins where a segment of ld.so's ends
    {0, ALLOC_LIFE_PROCESS, 1, ALLOC_E_OF_RUN_TIME},
    {0, ALLOC_LIFE_FRAME, kBlockAlignment, ALLOC_E_OF_FRAME},
    {0, ALLOC_LIFE_PARENT, 1, ALLOC_E_NO_SUCH_OPERATION},
};
static_assert(sizeof(kTraitsRows) / sizeof(TraitsRow) ==
              static_cast<std::size_t>(Allocator::count_));

constexpr const TraitsRow& traits_of(Allocator which) {
  return kTraitsRows[static_cast<std::size_t>(which)];
}

}  // namespace allocs::query
