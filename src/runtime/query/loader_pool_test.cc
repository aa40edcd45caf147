// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/loader_pool.h"

#include <gtest/gtest.h>

namespace allocs::query {
namespace {

constexpr AddressRange kMapping{Address{0x10000}, Address{0x20000}};

TEST(LoaderPool, WithoutALinkMapThereIsNone) {
  LoaderPool pool(kMapping);
  EXPECT_EQ(pool.range().size(), 0u);
  pool.add_link_map(Address{0xffff});
  pool.add_link_map(Address{0x20000});
  EXPECT_EQ(pool.range().size(), 0u);
}

TEST(LoaderPool, ReachesFromThePageOfTheFirstToThatOfTheLast) {
  LoaderPool pool(kMapping);
  pool.add_link_map(Address{0x13010});
  EXPECT_EQ(pool.range(), (AddressRange{Address{0x13000}, Address{0x14000}}));
  pool.add_link_map(Address{0x15ff8});
  pool.add_link_map(Address{0x12000});
  EXPECT_EQ(pool.range(), (AddressRange{Address{0x12000}, Address{0x16000}}));
}

}  // namespace
}  // namespace allocs::query
