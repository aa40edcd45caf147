// SPDX-License-Identifier: Apache-2.0
#include "runt/mapping.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "runt/self.h"

namespace allocs::runt {
namespace {

std::optional<Mapping> parse(const std::string& line) {
  return parse_mapping_line({line.data(), line.size()});
}

TEST(MappingLine, EveryFieldIsRead) {
  const auto mapping =
      parse("7f0a1000-7f0a3000 r-xs 00021000 fe:1a 1234567                    /usr/lib/a b.so");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->range, (AddressRange{Address{0x7f0a1000}, Address{0x7f0a3000}}));
  EXPECT_TRUE(mapping->is_readable && !mapping->is_writable && mapping->is_executable &&
              mapping->is_shared);
  EXPECT_EQ(mapping->offset, FileOffset{0x21000});
  EXPECT_EQ(mapping->device_major, 0xfeu);
  EXPECT_EQ(mapping->device_minor, 0x1au);
  EXPECT_EQ(mapping->inode, 1234567u);
  EXPECT_STREQ(mapping->name, "/usr/lib/a b.so");
}

TEST(MappingLine, WhatIsNotOneIsAbsent) {
  EXPECT_TRUE(parse("1000-2000 ---p 00000000 00:00 0 "));
  EXPECT_TRUE(parse("1000-2000 ---p 00000000 00:00 0"));
  for (const char* line : {"", "1000", "1000-2000", "1000-2000 r", "x-2000 ---p 00000000 00:00 0",
                           "2000-1000 ---p 00000000 00:00 0", "1000-2000 ---p 00000000 00:00"}) {
    EXPECT_FALSE(parse(line)) << line;
  }
}

TEST(MappingLine, LongNamesAreCut) {
  const auto mapping = parse("1000-2000 ---p 00000000 00:00 5 /" + std::string(1000, 'x'));
  ASSERT_TRUE(mapping);
  EXPECT_TRUE(mapping->name_was_cut);
  EXPECT_EQ(std::strlen(mapping->name), Mapping::kMaxName - 1);
}

// Both ways to ask, for every mapping of this process and the gaps between them.
TEST(MappingTable, TheIoctlAndTheTextAgree) {
  MappingTable quick, text;
  ASSERT_EQ(quick.open(0), 0);
  ASSERT_EQ(text.open(getpid()), 0);
  text.avoid_query();
  Address at{0};
  int compared = 0;
  for (;;) {
    const MappingAnswer a = quick.mapping_at_or_above(at), b = text.mapping_at_or_above(at);
    if (b.mapping.range.begin >= kEndOfUserAddresses) break;  // [vsyscall], which only the text has
    ASSERT_EQ(a.certainty, b.certainty);
    if (a.certainty != Certainty::known) break;
    EXPECT_EQ(a.mapping.range, b.mapping.range);
    EXPECT_STREQ(a.mapping.name, b.mapping.name);
    EXPECT_EQ(a.mapping.inode, b.mapping.inode);
    EXPECT_EQ(a.mapping.offset, b.mapping.offset);
    EXPECT_EQ(a.mapping.device_minor, b.mapping.device_minor);
    EXPECT_EQ(a.mapping.is_writable, b.mapping.is_writable);
    EXPECT_EQ(a.mapping.is_executable, b.mapping.is_executable);
    for (const Address inside : {a.mapping.range.begin, a.mapping.range.end - 1}) {
      EXPECT_EQ(quick.mapping_of(inside).mapping.range, a.mapping.range);
      EXPECT_EQ(text.mapping_of(inside).mapping.range, a.mapping.range);
    }
    at = a.mapping.range.end;
    EXPECT_EQ(quick.mapping_of(at).certainty, text.mapping_of(at).certainty);
    if (++compared > 5000) break;
  }
  EXPECT_GT(compared, 10);
}

TEST(MappingTable, TellsNothingThereFromCannotTell) {
  MappingTable shut;
  EXPECT_EQ(shut.mapping_of(Address{0x1000}).certainty, Certainty::cannot_tell);
  EXPECT_EQ(self::mapping_of(Address{1}).certainty, Certainty::nothing_there);
  MappingTable nobody;
  EXPECT_NE(nobody.open(0x3FFFFFFF), 0);
}

TEST(Self, UnmappedMemoryIsRefusedNotFatal) {
  const long page = sysconf(_SC_PAGESIZE);
  char* pages =
      static_cast<char*>(mmap(nullptr, static_cast<std::size_t>(2 * page), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  pages[page - 1] = 'x';
  munmap(pages + page, static_cast<std::size_t>(page));
  char into[2] = {};
  EXPECT_TRUE(self::read_memory(address_of(pages + page - 1), into, 1));
  EXPECT_EQ(into[0], 'x');
  EXPECT_FALSE(self::read_memory(address_of(pages + page - 1), into, 2));
  munmap(pages, static_cast<std::size_t>(page));
}

TEST(Self, KnowsItsThreadAndItsStart) {
  EXPECT_EQ(self::process_id(), getpid());
  EXPECT_EQ(self::thread_id(), gettid());
  std::uint64_t own;
  ASSERT_TRUE(self::read_memory(self::thread_pointer(), &own, sizeof own));
  EXPECT_EQ(Address{own}, self::thread_pointer()) << "the block points to itself";
  const AuxiliaryVector vector = self::auxiliary_vector();
  EXPECT_EQ(vector.page_size, 4096u);
  EXPECT_NE(raw(vector.program_headers), 0u);
}

}  // namespace
}  // namespace allocs::runt
