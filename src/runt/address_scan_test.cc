// SPDX-License-Identifier: Apache-2.0
#include "runt/address_scan.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>
#include <vector>

namespace allocs::runt {
namespace {

constexpr std::size_t kPage = 4096;

// Pages of which some can be taken away.
class AddressScanTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 80 * kPage;
  AddressScanTest()
      : bytes_(static_cast<std::byte*>(
            mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~AddressScanTest() override { munmap(bytes_, kSize); }

  void put(std::size_t at, std::uint64_t value) { std::memcpy(bytes_ + at, &value, sizeof value); }
  Address address(std::size_t at) const { return address_of(bytes_ + at); }
  // Where numbers of that kind begin, by looking at every byte that can be read with the seven behind it.
  std::vector<std::size_t> expected(std::size_t begin, std::size_t end, std::uint64_t lowest,
                                    std::uint64_t highest) const {
    std::vector<std::size_t> all;
    for (std::size_t at = begin; at < end; ++at) {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes_ + at, std::min(sizeof value, end - at));
      if (value >= lowest && value <= highest) all.push_back(at);
    }
    return all;
  }
  std::vector<std::size_t> found(std::size_t begin, std::size_t end, std::uint64_t lowest,
                                 std::uint64_t highest) {
    std::vector<std::size_t> all;
    AddressScan scan(lowest, highest, buffer_.data());
    EXPECT_TRUE(scan.run({address(begin), address(end)}, [&](Address at, std::uint64_t value) {
      EXPECT_GE(value, lowest);
      EXPECT_LE(value, highest);
      all.push_back(at - address(0));
      return true;
    }));
    return all;
  }

  std::byte* bytes_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(AddressScan::kBuffer);
};

TEST_F(AddressScanTest, EveryPlaceIsFoundWhateverItIsAlignedTo) {
  constexpr std::uint64_t kLowest = 0x555555761200;
  std::vector<std::size_t> places;
  for (std::size_t at = 5; at + 8 < kSize; at += 1009) {
    put(at, kLowest + at % 0x100);
    places.push_back(at);
  }
  EXPECT_EQ(found(0, kSize, kLowest, kLowest + 0xff), places);
  EXPECT_EQ(found(0, kSize, kLowest + 0x100, kLowest + 0x200), std::vector<std::size_t>{});
}

// Ranges that agree in all bytes, in some, and in none; bytes of which many pass for those of an address.
TEST_F(AddressScanTest, AgreesWithALookAtEachByte) {
  std::mt19937_64 random(1);
  constexpr std::pair<std::uint64_t, std::uint64_t> kRanges[] = {
      {0x555555761234, 0x555555761234}, {0x555555761230, 0x5555557612ff},
      {0x5555557612f0, 0x555555761310}, {0x55555576f000, 0x555555781000},
      {0x555554000000, 0x555556000000}, {0x5554ff000000, 0x555601000000},
      {0x54ffffffff00, 0x7f0000000000}, {0x404000, 0x405000},
      {0x404000, 0x7fffffffffff},       {1, 0xffff},
      {0x7f0000000000, 0x7fffffffffff}, {0x1000000000, 0x2000000000}};
  const unsigned char kBytes[] = {0, 0x55, 0x54, 0x76, 0x12, 0x34, 0x40, 0x7f, 1, 0xff};
  for (std::size_t at = 0; at < kSize; ++at) {
    const bool is_zero = at / 128 % 3 == 0;
    bytes_[at] = std::byte{is_zero ? std::uint8_t{0} : kBytes[random() % std::size(kBytes)]};
  }
  for (const auto& [lowest, highest] : kRanges) {
    for (std::size_t i = 0; i < 400; ++i) {
      const std::size_t at = random() % (kSize - 8);
      put(at, lowest + random() % (highest - lowest + 1));
    }
    for (int i = 0; i < 6; ++i) {
      const std::size_t begin = random() % 1000, end = kSize - random() % 1000;
      EXPECT_EQ(found(begin, end, lowest, highest), expected(begin, end, lowest, highest))
          << std::hex << lowest << " to " << highest;
      EXPECT_EQ(found(begin, begin + i, lowest, highest),
                expected(begin, begin + i, lowest, highest));
    }
  }
}

TEST_F(AddressScanTest, WhatCannotBeReadIsPassedOver) {
  constexpr std::uint64_t kWanted = 0x555555761234;
  for (const std::size_t page : {1, 2, 3, 20, 40, 41}) put(page * kPage + 8, kWanted);
  mprotect(bytes_ + 2 * kPage, kPage, PROT_NONE);
  munmap(bytes_ + 40 * kPage, kPage);
  EXPECT_EQ(found(0, kSize, kWanted, kWanted),
            (std::vector<std::size_t>{kPage + 8, 3 * kPage + 8, 20 * kPage + 8, 41 * kPage + 8}));
}

TEST_F(AddressScanTest, EndsWhereTheVisitorSaysSo) {
  constexpr std::uint64_t kWanted = 0x555555761234;
  for (std::size_t at = 0; at < 100; ++at) put(at * 16, kWanted);
  AddressScan scan(kWanted, kWanted, buffer_.data());
  int seen = 0;
  EXPECT_FALSE(
      scan.run({address(0), address(kSize)}, [&](Address, std::uint64_t) { return ++seen < 7; }));
  EXPECT_EQ(seen, 7);
}

TEST_F(AddressScanTest, OneAcrossABorderIsFoundOnce) {
  constexpr std::uint64_t kWanted = 0x7f5555761234;
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::memset(bytes_, 0, 4 * kPage);
    put(2 * kPage - shift, kWanted);
    std::vector<std::size_t> all;
    const auto note = [&](Address at, std::uint64_t value) {
      EXPECT_EQ(value, kWanted);
      all.push_back(at - address(0));
      return true;
    };
    AddressScan scan(kWanted, kWanted, buffer_.data());
    ScanBorder border;
    for (const std::size_t begin : {0 * kPage, 2 * kPage}) {
      border.search(scan, address(begin), note);
      scan.run({address(begin), address(begin + 2 * kPage)}, note);
      border.keep(scan, address(begin + 2 * kPage));
    }
    EXPECT_EQ(all, std::vector<std::size_t>{2 * kPage - shift}) << shift;
  }
}

}  // namespace
}  // namespace allocs::runt
