// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/tables.h"
#include "runtime/self/self_process.h"

namespace allocs::preload {

// Calls visit(AddressRange) for each part of the range that is not memory of the run time's own, until it returns false. False: the visitor did.
template <typename Visit>
bool for_each_foreign_range(const self::SelfProcess& process, AddressRange range, Visit&& visit) {
  for (Address from = range.begin; from < range.end;) {
    AddressRange piece{from, range.end};
    index::for_each_own_range(process.tables(), *process.root(), [&](AddressRange own) {
      if (own.contains(piece.begin)) piece.begin = own.end;
    });
    index::for_each_own_range(process.tables(), *process.root(), [&](AddressRange own) {
      if (own.begin > piece.begin && own.begin < piece.end) piece.end = own.begin;
    });
    if (piece.begin >= range.end) break;
    if (!visit(piece)) return false;
    from = piece.end;
  }
  return true;
}

}  // namespace allocs::preload
