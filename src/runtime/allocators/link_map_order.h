// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <link.h>

#include "base/every_process.h"
#include "runtime/allocators/dynamic_symbols.h"
#include "runtime/allocators/loader_list.h"

// The order in which the loader looks for a symbol, seen from our own object. Context: hook.
namespace allocs::allocators {

// nullptr when we are in another namespace than the program.
[[ALLOCS_EVERY_PROCESS]] inline const link_map* our_object() {
  for (const link_map* object = first_object(); object != nullptr; object = object->l_next) {
    if (object->l_ld == _DYNAMIC) return object;
  }
  return nullptr;
}

// The first object from `from` up to (not including) `stop` that defines `name`; we do not count.
[[ALLOCS_EVERY_PROCESS]] inline const link_map* definer_of(const SymbolName& name,
                                                           const link_map* from,
                                                           const link_map* stop = nullptr) {
  for (const link_map* object = from; object != stop && object != nullptr;
       object = object->l_next) {
    if (object->l_ld != _DYNAMIC && DynamicSymbols(*object).find(name) != nullptr) return object;
  }
  return nullptr;
}

// The same, for those who want the definition itself.
[[ALLOCS_EVERY_PROCESS]] inline void* definition_of(const SymbolName& name, const link_map* from,
                                                    const link_map* stop = nullptr) {
  for (const link_map* object = from; object != stop && object != nullptr;
       object = object->l_next) {
    if (object->l_ld == _DYNAMIC) continue;
    if (void* const found = DynamicSymbols(*object).address_of(name); found != nullptr)
      return found;
  }
  return nullptr;
}

}  // namespace allocs::allocators
