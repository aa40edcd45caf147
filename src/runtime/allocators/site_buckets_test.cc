// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/site_buckets.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

namespace allocs::allocators {

namespace {
bool g_has_memory = true;
std::vector<std::unique_ptr<std::byte[]>> g_mapped;
}  // namespace

// The test's own, in place of own_memory.cc.
void* map_own_pages(std::size_t size) {
  if (!g_has_memory) return nullptr;
  g_mapped.push_back(std::make_unique<std::byte[]>(size));
  return g_mapped.back().get();
}
void unmap_own_pages(void*, std::size_t) {}

namespace {

SecondBuckets g_second;
using Buckets = SiteBuckets<g_second>;

// Sites in chains, as the recorder has them.
class Chains {
 public:
  explicit Chains(bool has_memory = true) {
    g_has_memory = has_memory;
    g_second = {};
  }
  ~Chains() { g_mapped.clear(); }

  void add(std::uint32_t id, std::uint64_t return_address) {
    if (id >= addresses_.size()) addresses_.resize(id + 1), next_.resize(id + 1);
    std::uint32_t& head = buckets_->head_for(id, return_address);
    addresses_[id] = return_address;
    next_[id] = head;
    head = id;
  }
  // 0: it is not there. Counts the records that it looks at.
  std::uint32_t find(std::uint64_t return_address, std::uint64_t& looked_at) {
    for (unsigned table = Buckets::kTables; table-- != 0;) {
      const std::uint32_t* const head = buckets_->head(table, return_address);
      if (head == nullptr) continue;
      for (std::uint32_t id = *head; id != 0; id = next_[id]) {
        ++looked_at;
        if (addresses_[id] != return_address) continue;
        is_in_second = head == buckets_->head(1, return_address);
        return id;
      }
    }
    return 0;
  }

  bool is_in_second = false;  // the table in which it was found last

 private:
  std::unique_ptr<Buckets> buckets_ = std::make_unique<Buckets>();
  std::vector<std::uint64_t> addresses_;
  std::vector<std::uint32_t> next_;
};

std::uint64_t place_of_site(std::uint32_t id) { return 0x7f0012340000 + id * 32; }

TEST(SiteBuckets, WhatWasAddedIsFoundAndAMillionSitesTakeAFewLooksEach) {
  constexpr std::uint32_t kSites = 1'000'000;
  Chains chains;
  for (std::uint32_t id = 3; id < kSites; ++id) chains.add(id, place_of_site(id));
  std::uint64_t looked_at = 0;
  for (std::uint32_t id = 3; id < kSites; ++id)
    ASSERT_EQ(chains.find(place_of_site(id), looked_at), id);
  EXPECT_LT(looked_at / kSites, 6);
  EXPECT_EQ(chains.find(0x1234, looked_at), 0);
}

TEST(SiteBuckets, WithoutMemoryAllOthersAreInTheSecondTable) {
  constexpr std::uint32_t kSites = 100'000;
  Chains chains(false);
  std::uint64_t looked_at = 0;
  for (std::uint32_t id = 3; id < kSites; ++id) chains.add(id, place_of_site(id));
  g_has_memory = true;
  chains.add(kSites, place_of_site(kSites));
  for (std::uint32_t id = 3; id < kSites; id += 97) {
    ASSERT_EQ(chains.find(place_of_site(id), looked_at), id);
    ASSERT_EQ(chains.is_in_second, id >= 1 << 9);
  }
  ASSERT_EQ(chains.find(place_of_site(kSites), looked_at), kSites);
}

TEST(SiteBuckets, AProgramOfHundredsOfSitesUsesOneTableAndOneOfThousandsTwo) {
  EXPECT_EQ(Buckets::table_of(3), 0);
  EXPECT_EQ(Buckets::table_of((1 << 9) - 1), 0);
  EXPECT_EQ(Buckets::table_of(1 << 9), 1);
  EXPECT_EQ(Buckets::table_of((1 << 15) - 1), 1);
  EXPECT_EQ(Buckets::table_of(1 << 15), 2);
  EXPECT_EQ(Buckets::table_of(1 << 18), 3);
  EXPECT_EQ(Buckets::table_of(1 << 21), 4);
  EXPECT_EQ(Buckets::table_of((1 << 24) - 1), 4);
}

}  // namespace
}  // namespace allocs::allocators
