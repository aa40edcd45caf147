// SPDX-License-Identifier: Apache-2.0
#include "types/write/image_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "types/image.h"

namespace allocs::types {
namespace {

void add_static(ObjectModel& model, std::uint64_t address, std::uint64_t size, const char* name) {
  StaticRecord record;
  record.address = address;
  record.size = size;
  record.name = model.strings.add(name);
  model.statics.push_back(record);
}

TEST(EncodeImage, WhatIsWrittenIsRead) {
  ObjectModel model;
  model.object_path = "/bin/thing";
  model.build_id = {1, 2, 3};
  const TypeIndex integer = model.types.base_type(5, 4);
  const TypeIndex array = model.types.array_of(integer, 3);
  add_static(model, 0x2000, 12, "numbers");
  model.statics[0].type = array;

  const std::vector<std::byte> bytes = encode_image(model);
  const auto image = Image::open(bytes.data(), bytes.size());
  ASSERT_TRUE(image.has_value());
  EXPECT_TRUE(image->content_is_intact());
  EXPECT_STREQ(image->text(image->header().object_path), "/bin/thing");
  EXPECT_EQ(image->build_id().size(), 3u);
  const StaticRecord* numbers = image->find_static(0x200B);
  ASSERT_NE(numbers, nullptr);
  EXPECT_STREQ(image->text(numbers->name), "numbers");
  EXPECT_STREQ(image->text(image->type(numbers->type)->name), "__ARR3_int$32");
  EXPECT_EQ(image->find_static(0x200C), nullptr);
}

TEST(EncodeImage, OnlyTextsThatAreReferredToAreKept) {
  ObjectModel model;
  const std::vector<std::byte> before = encode_image(model);
  model.strings.add("nobody asks for this");
  EXPECT_EQ(encode_image(model), before);
}

TEST(EncodeImage, StaticsAreNested) {
  ObjectModel model;
  add_static(model, 0x1080, 8, "inner");
  add_static(model, 0x1000, 0x100, "outer");
  add_static(model, 0x1100, 4, "next");
  add_static(model, 0x1084, 2, "innermost");
  encode_image(model);
  std::string text;
  for (const StaticRecord& record : model.statics) {
    text += std::string{model.strings[record.name]} + " in ";
    text += record.enclosing == kNoRecord ? "none"
                                          : model.strings[model.statics[record.enclosing].name];
    text += "; ";
  }
  EXPECT_EQ(text, "outer in none; inner in outer; innermost in inner; next in none; ");
}

TEST(EncodeImage, StaticsThatShareBytesLieBesideEachOther) {
  ObjectModel model;
  add_static(model, 0x1000, 4, "first");
  add_static(model, 0x1003, 2, "over its end");
  add_static(model, 0x1002, 1, "in the first");
  add_static(model, 0x1005, 4, "next");
  const std::vector<std::byte> bytes = encode_image(model);
  const auto image = Image::open(bytes.data(), bytes.size());
  ASSERT_TRUE(image.has_value());
  std::string text;
  for (const StaticRecord& record : image->statics()) {
    const StaticRecord* const outer = image->containing(Table::statics, record);
    text += std::string{image->text(record.name)} + " in " +
            (outer == nullptr ? "none" : image->text(outer->name)) +
            ((record.flags & kStaticSharesBytes) != 0 ? ", shares; " : "; ");
  }
  EXPECT_EQ(text,
            "first in none, shares; in the first in first; over its end in none, shares; "
            "next in none; ");
  EXPECT_STREQ(image->text(image->find_static(0x1003)->name), "over its end");
}

TEST(EncodeImage, TypesAreFoundByNameAndBySpelling) {
  StringPool unused;
  ObjectModel model;
  TypeTables tables = model.types.tables();
  model.types = TypeGraph(model.strings, tables, {{model.strings.add("nothing"), 0}});
  const std::vector<std::byte> bytes = encode_image(model);
  const auto image = Image::open(bytes.data(), bytes.size());
  ASSERT_TRUE(image.has_value());
  for (const char* name : {"void", "nothing"}) {
    bool found = false;
    image->find_types_named(name, [&](TypeIndex type) { return found = type == 0; });
    EXPECT_TRUE(found) << name;
  }
}

TEST(Locations, ListsSurviveEncoding) {
  std::vector<std::byte> bytes;
  const std::vector<LocationPiece> pieces = {{0x1000, 0x1004, LocationKind::in_register, 5},
                                             {0x1004, 0x2000, LocationKind::memory, -40},
                                             {0x2010, 0x2011, LocationKind::memory, 1 << 20}};
  append_locations(bytes, 0x500, {});
  const std::uint32_t at = append_locations(bytes, 0x1000, pieces);
  EXPECT_EQ(read_locations(bytes, at, 0x1000), pieces);
  EXPECT_TRUE(read_locations(bytes, 0, 0x500).empty());
  bytes.pop_back();
  EXPECT_EQ(read_locations(bytes, at, 0x1000).size(), 2u) << "cut short";
}

TEST(Locations, CountsFollowTheListOfTheirVariable) {
  std::vector<std::byte> bytes;
  const std::vector<LocationPiece> place = {{0x1000, 0x1010, LocationKind::computed, 7}};
  const std::vector<LocationPiece> rows = {{0x1000, 0x1004, LocationKind::value, 9},
                                           {0x1004, 0x1010, LocationKind::value, 12}};
  const std::vector<LocationPiece> columns = {{0x1002, 0x1010, LocationKind::value, 20}};
  const std::uint32_t at = append_locations(bytes, 0x1000, place);
  append_uleb(bytes, 2);
  append_locations(bytes, 0x1000, rows);
  append_locations(bytes, 0x1000, columns);
  EXPECT_EQ(read_locations(bytes, at, 0x1000), place);
  EXPECT_EQ(read_counts(bytes, at, 0x1000), (std::vector{rows, columns}));
}

TEST(StoreImage, ReplacesTheFileInOneStepAndForTheUserOnly) {
  char folder[] = "/tmp/allocs_store_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::filesystem::path path = std::filesystem::path{folder} / "deep" / "er" / "image.meta";
  const std::vector<std::byte> image(1000, std::byte{7});
  ASSERT_EQ(store_image(path, std::span{image}.first(10)), "");
  ASSERT_EQ(store_image(path, image), "");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 1000);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path.parent_path()))
    ++files;
  EXPECT_EQ(files, 1u) << "the temporary file is gone";
  EXPECT_NE(store_image("/proc/nowhere/image.meta", image), "");
  std::filesystem::remove_all(folder);
}

TEST(StoreImage, WritesToWhatIsNoFileInsteadOfExchangingIt) {
  char folder[] = "/tmp/allocs_store_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::filesystem::path path = std::filesystem::path{folder} / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  const std::vector<std::byte> image(1000, std::byte{7});
  EXPECT_EQ(store_image(path, image), "");
  std::vector<std::byte> got(2000);
  EXPECT_EQ(read(reader, got.data(), got.size()), 1000);
  close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace allocs::types
