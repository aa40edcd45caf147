// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/every_process.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/index/word.h"

// Where the chains of site records begin, by return address: tables of 2^8, 2^14, 2^17, 2^20 and 2^22 buckets. Most processes have a
// few dozen sites and touch nothing but the first; a large program has some thousands, and one that makes code as many as it makes functions.
//
//   ids below 2^9: the first table      below 2^15: the second      below 2^18: the third      below 2^21: the fourth      all others: the fifth
//
// A site's id says in which table it is, and it stays there: nothing is ever moved, so whoever walks a chain needs no lock. Who looks for
// a return address looks in each table that is in use. A chain has two records on average, four in the fifth table when all ids are given out.
//
// Two threads that add one place at the same time, the one with the last id of a table and the other with the first of the next, do not see
// each other: then the place has two sites, which mean the same.
//
// Cost: 65 KiB of address space; at 2^15, 2^18 and 2^21 sites a table of 512 KiB, 4 and 16 MiB is added, at most 18 bytes a site. A record has 32.
namespace allocs::allocators {

inline constexpr unsigned kSecondBits = 14;
using SecondBuckets = std::array<std::uint32_t, std::size_t{1} << kSecondBits>;

// The second table is the caller's: it is large, and in most processes untouched. All is zeroed, so that an object can lie beside other variables
// that are written to when a site is added: a forked child copies each page that it writes to.
template <SecondBuckets& kSecond>
class SiteBuckets {
 public:
  static constexpr unsigned kTables = 5;

  static constexpr unsigned table_of(std::uint32_t id) {
    unsigned table = 0;
    while (table + 1 < kTables && id >= std::uint32_t{2} << bits(table)) ++table;
    return table;
  }

  // The head of the chain in a table, or nullptr: there is no such table, and nothing in it. Context: hook.
  [[ALLOCS_EVERY_PROCESS]] std::uint32_t* head(unsigned table, std::uint64_t return_address) {
    if (table == 0) return &first_[hash(return_address, 0)];
    if (table == 1) return &kSecond[hash(return_address, 1)];
    const std::uint64_t at = index::load_acquire(tables_[table]);
    if (at == kNoMemory) return &kSecond[hash(return_address, 1)];
    return at == 0 ? nullptr : reinterpret_cast<std::uint32_t*>(at) + hash(return_address, table);
  }

  // The same, for a record that is to be added. If there is no memory for its table, it is in the second.
  [[ALLOCS_EVERY_PROCESS]] std::uint32_t& head_for(std::uint32_t id, std::uint64_t return_address) {
    const unsigned table = table_of(id);
    if (std::uint32_t* const found = head(table, return_address); found != nullptr) return *found;
    const std::uint64_t size = sizeof(std::uint32_t) << bits(table);
    void* const made = map_own_pages(size);
    std::uint64_t none = 0;
    const std::uint64_t value = made == nullptr ? kNoMemory : raw(address_of(made));
    if (!index::compare_exchange(tables_[table], none, value) && made != nullptr)
      unmap_own_pages(made, size);
    return *head(table, return_address);
  }

 private:
  // Of the number of buckets of each table: a byte each, in the code instead of on a page of constants.
  static constexpr unsigned bits(unsigned table) {
    return static_cast<unsigned>(std::uint64_t{0x16'14'11'0E'08} >> (8 * table)) & 0xFF;
  }
  static_assert(bits(0) == 8 && bits(1) == kSecondBits && bits(4) == 22);
  static constexpr std::uint64_t kNoMemory = 1;

  static constexpr std::uint64_t hash(std::uint64_t return_address, unsigned table) {
    return return_address * 0x9E3779B97F4A7C15u >> (64 - bits(table));
  }

  std::array<std::uint64_t, kTables> tables_{};  // addresses; of the first two: unused
  std::array<std::uint32_t, std::size_t{1} << bits(0)> first_{};
};

}  // namespace allocs::allocators
