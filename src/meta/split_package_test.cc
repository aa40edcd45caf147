// SPDX-License-Identifier: Apache-2.0
#include "meta/split_package.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>

namespace allocs::meta {
namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
void put(Bytes& bytes, std::initializer_list<T> values) {
  for (const T value : values) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
}

// Two units in four slots; the second column is of a sort that the versions number differently.
Bytes index_of_version(std::uint32_t version) {
  Bytes bytes;
  put<std::uint32_t>(bytes, {version, 3, 2, 4});
  put<std::uint64_t>(bytes, {0, 0xABCD, 0x1234, 0});
  put<std::uint32_t>(bytes, {0, 2, 1, 0});
  put<std::uint32_t>(bytes, {1, 5, 3});
  put<std::uint32_t>(bytes, {0, 10, 100, 50, 11, 101});  // offsets
  put<std::uint32_t>(bytes, {50, 60, 70, 51, 61, 71});   // sizes
  return bytes;
}

TEST(PackageIndex, SaysWhereTheUnitsAre) {
  for (const std::uint32_t version : {2u, 5u}) {
    const auto entries = read_package_index(index_of_version(version));
    ASSERT_EQ(entries.size(), 2u) << version;
    const PackageEntry& second = entries[0];
    EXPECT_EQ(second.signature, 0xABCDu);
    EXPECT_EQ(second[PackageSection::info].offset, 50u);
    EXPECT_EQ(second[PackageSection::info].size, 51u);
    EXPECT_EQ(second[PackageSection::abbrev].offset, 101u);
    const auto used = version == 2 ? PackageSection::loc : PackageSection::loclists;
    const auto unused = version == 2 ? PackageSection::loclists : PackageSection::loc;
    EXPECT_EQ(second[used].offset, 11u);
    EXPECT_EQ(second[unused].size, 0u);
    EXPECT_EQ(entries[1].signature, 0x1234u);
    EXPECT_EQ(entries[1][PackageSection::abbrev].size, 70u);
  }
}

TEST(PackageIndex, WhatDoesNotFitIsNoIndex) {
  const Bytes whole = index_of_version(5);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(read_package_index(std::span{whole}.first(size)).empty()) << size;
  EXPECT_TRUE(read_package_index(index_of_version(3)).empty());
  for (const std::size_t field : {4u, 8u, 12u}) {  // columns, units, slots
    Bytes bytes = whole;
    std::memset(bytes.data() + field, 0xFF, 4);
    EXPECT_TRUE(read_package_index(bytes).empty()) << field;
  }
}

TEST(PackageIndex, ARowThatIsNotThereIsLeftOut) {
  Bytes bytes = index_of_version(5);
  bytes[16 + 4 * 8 + 4] = std::byte{3};  // of the first unit's slot
  EXPECT_EQ(read_package_index(bytes).size(), 1u);
}

}  // namespace
}  // namespace allocs::meta
