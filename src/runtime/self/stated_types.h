// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/self/self_process.h"

// Types that the program itself has stated (alloc_set_type), for blocks of malloc and for mappings.
//
// A block gets another site: one that stands for the same place, and whose facts say the type. So the type goes with the record, in free
// and in realloc, at no cost to the hooks. One site is made for each pair of place and type.
//
// A mapping is known again by where it begins and by the file that it maps (device, inode): the run time does not see mappings go, and
// must not take another for it. Anonymous memory has neither; alloc_new therefore maps a memory file of its own, privately.
namespace allocs::self {

// Has memory of `size` bytes room for one of it, or for one element of an array without end? Context: signal.
bool fits_in(const uniqtype& type, std::uint64_t size);

// The type of all of the block. 0, or ALLOC_E_NOTHING_THERE (it has gone), ALLOC_E_DOES_NOT_FIT, ALLOC_E_UNINDEXED (its place of allocation is
// not known), ALLOC_E_NO_MEMORY, ALLOC_E_NOT_YET. Context: query.
int state_type_of_block(const SelfProcess& process, Address block, std::uint64_t size,
                        uniqtype* type);

struct MappingIdentity {
  Address begin{};
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const MappingIdentity&, const MappingIdentity&) = default;
};
// 0, ALLOC_E_NO_IDENTITY, ALLOC_E_NO_MEMORY or ALLOC_E_NOT_YET. Context: query.
int state_type_of_mapping(const MappingIdentity& mapping, uniqtype* type);
// nullptr: none was stated. Context: signal.
uniqtype* stated_type_of(const MappingIdentity& mapping);
// It is somewhere else now, or nowhere. Context: query.
void move_stated_type(const MappingIdentity& from, Address to);
void forget_stated_type(const MappingIdentity& mapping);

// How many the next will tell, at most. Context of both: signal.
std::uint64_t count_stated_mappings();
void visit_stated_mappings(bool (*visit)(const MappingIdentity&, void*), void* context);
// Calls visit(const MappingIdentity&) for each mapping of which a type was stated, until it returns false; it may be gone.
template <typename Visit>
void for_each_stated_mapping(Visit&& visit) {
  using Each = std::remove_reference_t<Visit>;
  visit_stated_mappings(
      [](const MappingIdentity& mapping, void* context) -> bool {
        return (*static_cast<Each*>(context))(mapping);
      },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

}  // namespace allocs::self
