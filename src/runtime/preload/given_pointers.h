// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/allocators/held_blocks.h"
#include "runtime/preload/sequence.h"
#include "runtime/self/registered.h"

namespace allocs::preload {

// Calls visit(const void*) for each address that the program gave the run time to keep, in memory that is nobody else's business: of holders their
// contexts and names, of registered allocators and families whatever these are. Who asks for references finds them nowhere else.
template <typename Visit>
void for_each_given_pointer(Visit&& visit) {
  for (const allocators::Holder* each = allocators::first_holder(); each != nullptr;
       each = each->next) {
    visit(static_cast<const void*>(each->context));
    visit(static_cast<const void*>(each->name));
  }
  visit(static_cast<const void*>(allocators::excess_context()));
  const auto visit_one = [](const void* pointer, void* context) {
    (*static_cast<std::remove_reference_t<Visit>*>(context))(pointer);
  };
  self::for_each_registered_pointer(visit_one, &visit);
  for_each_family(visit_one, &visit);
}

}  // namespace allocs::preload
