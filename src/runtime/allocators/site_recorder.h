// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.h"
#include "runt/rule_cache.h"
#include "runtime/index/records.h"

// The writing half of the site table: from a return address to a dense id, once for each place that allocates.
//
// Records are only ever added. An id is taken by an atomic increment, its record is filled, and then it is pushed on
// the chain of its bucket by compare-and-swap; whoever loses to an equal record uses the winner's. There are more buckets the more sites
// there are (site_buckets.h). In front of it stand the cache of state.h, which the hooks read, and the second table of recent_sites.h.
namespace allocs::allocators {

struct Site {
  std::uint32_t bits;  // its id, already where a start cell has it. Never 0
  runt::PackedRule
      way_out;  // not 0: it is in a wrapper, and a block has this site only if its caller cannot be found
};
// Context: hook.
Site site_for(std::uint64_t return_address);

// The sites of a module instance. `forget` empties their cache slots; `retire` does too, and makes the records stand for the
// past; `revive` makes them stand for the present again.
// Context: hook.
void forget_cached_sites(index::ModuleRecord& module);
void retire_sites(index::ModuleRecord& module);
void revive_sites(index::ModuleRecord& module);

// Metadata of the module has arrived: is any of its sites in a wrapper, without our having known? From now on blocks get the site of the
// caller; those that were allocated before keep theirs. The slots of such sites in the cache are given up rather than changed,
// because a hook may be reading them: each later allocation through such a site finds it in the second table.
// Context: query. Once at a time for a module.
void reconsider_sites(index::ModuleRecord& module);

// The module, which is retired, is at another address now: so are its sites. They stay retired until they are revived. The table lock is held, so
// that nobody else takes records out of chains. Whoever walks a chain meanwhile may be led into another and find nothing; then it
// adds a record of its own, at worst a second one for the place.
// Context: hook.
void move_sites(index::ModuleRecord& module);

// Sites of code that belonged to no module, in a range where there is a module now. Context: hook.
void retire_moduleless_sites(AddressRange range);

}  // namespace allocs::allocators
