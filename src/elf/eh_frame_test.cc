// SPDX-License-Identifier: Apache-2.0
#include "elf/eh_frame.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace allocs::elf {
namespace {

constexpr std::uint64_t kBase =
    0x400000;  // of .eh_frame_hdr; .eh_frame follows at 0x100, code at 0x10000

using Bytes = std::vector<std::uint8_t>;

void append32(Bytes& bytes, std::uint64_t value) {
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// `count` functions of 16 bytes, 32 apart; function i pushes i words before anything else (CFA rsp + 8 + 8 * i).
struct Section {
  explicit Section(unsigned count) {
    Bytes records{0x14, 0,    0,    0, 0,    0,    0, 0, 1,    'z', 'R', 0,
                  1,    0x78, 0x10, 1, 0x1B, 0x0C, 7, 8, 0x90, 1,   0,   0};
    std::vector<std::uint64_t> starts;
    for (unsigned i = 0; i < count; ++i) {
      starts.push_back(records.size());
      append32(records, 0x10);
      append32(records, records.size());  // back to the CIE, which is first
      append32(records, 0x10000 + 32 * i - (0x100 + records.size()));
      append32(records, 16);
      for (const unsigned b : {0u, 0x0Eu, 8 + 8 * i, 0u})
        records.push_back(static_cast<std::uint8_t>(b));
    }
    append32(records, 0);
    bytes = {1, 0x1B, 3, 0x3B};
    append32(bytes, 0x100 - 4);
    append32(bytes, count);
    for (unsigned i = 0; i < count; ++i) {
      append32(bytes, 0x10000 + 32 * i);
      append32(bytes, 0x100 + starts[i]);
    }
    bytes.resize(0x100);
    bytes.insert(bytes.end(), records.begin(), records.end());
  }
  EhFrame frame() const {
    return {.header = Address{kBase}, .bounds = {Address{kBase}, Address{kBase + bytes.size()}}};
  }
  EhFrame records_only() const {
    return {.records = Address{kBase + 0x100},
            .bounds = {Address{kBase}, Address{kBase + bytes.size()}}};
  }
  SpanMemory memory() const {
    return {Address{kBase}, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
  }
  Bytes bytes;
};

std::optional<std::int64_t> cfa_offset_at(const Section& section, const EhFrame& frame,
                                          std::uint64_t offset) {
  const auto rule = find_unwind_rule(section.memory(), frame, Address{kBase + 0x10000 + offset});
  return rule ? std::optional{rule->cfa_offset} : std::nullopt;
}

TEST(EhFrame, EveryFunctionIsFoundByTableAndByWalk) {
  for (unsigned count = 1; count < 14; ++count) {
    const Section section{count};
    for (const EhFrame& frame : {section.frame(), section.records_only()}) {
      for (unsigned i = 0; i < count; ++i) {
        EXPECT_EQ(cfa_offset_at(section, frame, 32 * i), 8 + 8 * i);
        EXPECT_EQ(cfa_offset_at(section, frame, 32 * i + 15), 8 + 8 * i);
        EXPECT_EQ(cfa_offset_at(section, frame, 32 * i + 16), std::nullopt) << "between functions";
      }
      EXPECT_EQ(cfa_offset_at(section, frame, static_cast<std::uint64_t>(-1)), std::nullopt);
      EXPECT_EQ(cfa_offset_at(section, frame, 32 * count), std::nullopt);
    }
  }
}

TEST(EhFrame, AHeaderWithoutATableLeadsToTheRecords) {
  Section section{5};
  section.bytes[2] = section.bytes[3] = 0xFF;
  EXPECT_EQ(cfa_offset_at(section, section.frame(), 32 * 3), 32);
}

TEST(EhFrame, AnEmptyTableOrSectionHasNoRule) {
  const Section section{0};
  EXPECT_EQ(cfa_offset_at(section, section.frame(), 0), std::nullopt);
  EXPECT_EQ(cfa_offset_at(section, EhFrame{}, 0), std::nullopt);
}

TEST(EhFrame, FlippedBitsNeverCrashNorReadOutside) {
  std::mt19937_64 random{3};
  const Section whole{6};
  for (int i = 0; i < 200'000; ++i) {
    Section damaged = whole;
    for (std::uint64_t flips = 1 + random() % 6; flips != 0; --flips) {
      damaged.bytes[random() % damaged.bytes.size()] ^=
          static_cast<std::uint8_t>(1u << random() % 8);
    }
    damaged.bytes.resize(random() % 4 == 0 ? random() % damaged.bytes.size()
                                           : damaged.bytes.size());
    damaged.bytes.shrink_to_fit();  // so that a sanitizer sees one byte too many
    const EhFrame frame = random() % 2 == 0 ? damaged.frame() : damaged.records_only();
    cfa_offset_at(damaged, frame, random() % 256);
  }
}

}  // namespace
}  // namespace allocs::elf
