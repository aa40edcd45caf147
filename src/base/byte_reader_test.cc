// SPDX-License-Identifier: Apache-2.0
#include "base/byte_reader.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace allocs {
namespace {

struct Read {
  std::int64_t value = 0;
  std::size_t size = 0;  // bytes read
  bool ok = false;
};

template <typename How>
Read read(const std::vector<int>& numbers, How how) {
  std::vector<std::byte> bytes;
  for (const int n : numbers) bytes.push_back(static_cast<std::byte>(n));
  ByteReader reader{bytes.data(), bytes.size()};
  const auto value = static_cast<std::int64_t>(how(reader));
  return {value, bytes.size() - reader.remaining(), reader.ok()};
}
Read uleb(const std::vector<int>& bytes) {
  return read(bytes, [](ByteReader& reader) { return reader.read_uleb(); });
}
Read sleb(const std::vector<int>& bytes) {
  return read(bytes, [](ByteReader& reader) { return reader.read_sleb(); });
}

void expect(const Read& read, std::int64_t value, std::size_t size) {
  EXPECT_EQ(read.value, value);
  EXPECT_EQ(read.size, size);
  EXPECT_TRUE(read.ok);
}

// What more than one byte is read by is another way for each number of bytes.
TEST(ByteReader, ReadsNumbersOfAnyLength) {
  expect(uleb({0x7F, 1}), 127, 1);
  expect(uleb({0x80, 0x01, 1}), 128, 2);
  expect(uleb({0xE5, 0x8E, 0x26}), 624485, 3);
  expect(sleb({0x3F, 1}), 63, 1);
  expect(sleb({0x40, 1}), -64, 1);
  expect(sleb({0xC0, 0x00, 1}), 64, 2);
  expect(sleb({0xFF, 0x3F, 1}), 8191, 2);
  expect(sleb({0x80, 0x40, 1}), -8192, 2);
  expect(sleb({0xFF, 0x7F, 1}), -1, 2);
  expect(sleb({0xC0, 0xBB, 0x78}), -123456, 3);
  expect(sleb({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F}),
         std::numeric_limits<std::int64_t>::min(), 10);
  expect(sleb({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00}), -1, 11);
}

TEST(ByteReader, FailsWhereANumberHasNoEnd) {
  for (const std::vector<int>& bytes :
       {std::vector<int>{}, {0x80}, {0x80, 0x80}, {0xFF, 0xFF, 0xFF}}) {
    for (const Read& one : {uleb(bytes), sleb(bytes)}) {
      EXPECT_EQ(one.value, 0);
      EXPECT_EQ(one.size, bytes.size());
      EXPECT_FALSE(one.ok);
    }
  }
}

}  // namespace
}  // namespace allocs
