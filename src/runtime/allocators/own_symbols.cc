// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/own_symbols.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/address.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/link_map_order.h"

namespace allocs::allocators {

bool move_own_symbols(std::span<const SymbolPlace> symbols) {
  constexpr std::uint64_t kPageSize = 4096;
  const link_map* const self = our_object();
  if (self == nullptr) return false;
  const DynamicSymbols own(*self);
  std::uint64_t low = ~std::uint64_t{0};
  std::uint64_t high = 0;
  for (const SymbolPlace& each : symbols) {
    const auto* const symbol = own.find(*each.name);
    if (symbol == nullptr) return false;
    low = std::min(low, raw(address_of(symbol)));
    high = std::max(high, raw(address_of(symbol + 1)));
  }
  if (low >= high) return false;
  low &= ~(kPageSize - 1);
  if (!raw_syscall(SYS_mprotect, low, high - low, PROT_READ | PROT_WRITE).ok()) return false;
  for (const SymbolPlace& each : symbols) {
    auto* const symbol = const_cast<ElfW(Sym)*>(own.find(*each.name));
    if (symbol != nullptr) symbol->st_value = each.place == 0 ? 0 : each.place - self->l_addr;
  }
  raw_syscall(SYS_mprotect, low, high - low, PROT_READ);
  return true;
}

}  // namespace allocs::allocators
