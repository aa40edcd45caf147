// SPDX-License-Identifier: Apache-2.0
#include "base/text_writer.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <string>

namespace allocs {
namespace {

constexpr std::uint64_t kNumbers[] = {
    0, 1, 9, 10, 15, 16, 99, 4095, 65536, 1u << 31, 0x123456789abcdef0, ~std::uint64_t{0}};

// What the contract of snprintf makes of `whole` in a buffer of that size.
void expect_as_snprintf(const std::string& whole, std::size_t capacity, auto put) {
  std::string buffer(capacity + 1, '#');
  TextWriter out(buffer.data(), capacity);
  put(out);
  EXPECT_EQ(out.length(), whole.size()) << capacity;
  EXPECT_EQ(out.fits(), whole.size() < capacity) << capacity;
  const std::string kept = whole.substr(0, capacity == 0 ? 0 : capacity - 1);
  EXPECT_EQ(out.text(), kept) << capacity;
  if (capacity != 0) {
    EXPECT_EQ(std::string(buffer.c_str()), kept) << capacity;
  }
  EXPECT_EQ(buffer[capacity], '#') << "written past the end of " << capacity;
}

TEST(TextWriter, EveryPieceInEveryRoom) {
  for (std::size_t capacity = 0; capacity < 24; ++capacity) {
    expect_as_snprintf("ab", capacity, [](TextWriter& out) { out.put('a').put('b'); });
    expect_as_snprintf("name.rest", capacity,
                       [](TextWriter& out) { out.put("name").put('.').put("rest"); });
    expect_as_snprintf("view", capacity,
                       [](TextWriter& out) { out.put(std::string_view("views", 4)).put(""); });
    for (const std::uint64_t number : kNumbers) {
      char text[64];
      std::snprintf(text, sizeof text, "x%" PRIu64 "y", number);
      expect_as_snprintf(text, capacity,
                         [&](TextWriter& out) { out.put('x').decimal(number).put('y'); });
      std::snprintf(text, sizeof text, "0x%" PRIx64 ")", number);
      expect_as_snprintf(text, capacity,
                         [&](TextWriter& out) { out.hexadecimal(number).put(')'); });
      const auto is_signed = static_cast<std::int64_t>(number);
      std::snprintf(text, sizeof text, "%" PRId64, is_signed);
      expect_as_snprintf(text, capacity, [&](TextWriter& out) { out.signed_decimal(is_signed); });
    }
  }
}

TEST(TextWriter, NoBufferAtAll) {
  TextWriter out(nullptr, 0);
  out.put("counted").hexadecimal(255);
  EXPECT_EQ(out.length(), 11u);
  EXPECT_FALSE(out.fits());
  EXPECT_EQ(out.text(), "");
}

}  // namespace
}  // namespace allocs
