// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "runtime/allocators/dynamic_symbols.h"

namespace allocs::allocators {

struct SymbolPlace {
  const SymbolName* name;
  std::uint64_t place;  // an address; 0: to the loader, the symbol then defines nothing
};

// Tells the loader that symbols of our own object are elsewhere, for objects that it loads from now on: writes into our dynamic
// symbol table, which shares no page with code. False, and nothing changed: a name is not there, or the pages stay read-only.
// Costs two system calls and a page. Context: hook.
bool move_own_symbols(std::span<const SymbolPlace> symbols);

}  // namespace allocs::allocators
