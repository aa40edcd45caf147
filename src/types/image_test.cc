// SPDX-License-Identifier: Apache-2.0
#include "types/image.h"

#include <gtest/gtest.h>

#include "types/test_image.h"

namespace allocs::types {
namespace {

StaticRecord object(TestImage& image, std::string_view name, std::uint64_t address,
                    std::uint64_t size, std::uint32_t enclosing = kNoRecord) {
  StaticRecord record;
  record.name = image.text(name);
  record.address = address;
  record.size = size;
  record.enclosing = enclosing;
  return record;
}

TEST(Image, FindsTheInnermostStaticObject) {
  TestImage test;
  test.add(Table::statics, object(test, "table", 0x100, 0x40));
  test.add(Table::statics, object(test, "row", 0x110, 0x10, 0));
  test.add(Table::statics, object(test, "other", 0x200, 8));
  const std::byte* bytes = test.finish();
  const auto image = Image::open(bytes, test.size());
  ASSERT_TRUE(image);
  const auto name_at = [&](std::uint64_t at) {
    const StaticRecord* found = image->find_static(at);
    return std::string(found == nullptr ? "-" : image->text(found->name));
  };
  EXPECT_EQ(name_at(0x0ff), "-");
  EXPECT_EQ(name_at(0x100), "table");
  EXPECT_EQ(name_at(0x11f), "row");
  EXPECT_EQ(name_at(0x120), "table") << "behind the inner one, still in the outer one";
  EXPECT_EQ(name_at(0x140), "-");
  EXPECT_EQ(name_at(0x207), "other");
}

TEST(Image, ACyclicEnclosingChainEnds) {
  TestImage test;
  test.add(Table::statics, object(test, "a", 0x100, 1, 1));
  test.add(Table::statics, object(test, "b", 0x110, 1, 1));
  const std::byte* bytes = test.finish();
  EXPECT_EQ(Image::open(bytes, test.size())->find_static(0x118), nullptr);
}

TEST(Image, FindsSitesByTheExactReturnAddressOnly) {
  TestImage test;
  SiteRecord site;
  site.return_address = 0x500;
  test.add(Table::sites, site);
  const std::byte* bytes = test.finish();
  const auto image = Image::open(bytes, test.size());
  EXPECT_NE(image->find_site(0x500), nullptr);
  EXPECT_EQ(image->find_site(0x501), nullptr);
  EXPECT_EQ(image->find_site(0x4ff), nullptr);
}

TEST(Image, RefusesWhatIsNotWhole) {
  TestImage test;
  test.add(Table::statics, object(test, "a", 0x100, 1));
  const std::byte* bytes = test.finish();
  EXPECT_TRUE(Image::open(bytes, test.size()));
  EXPECT_FALSE(Image::open(bytes, test.size() - 1)) << "cut";
  EXPECT_FALSE(Image::open(bytes, 0));
  EXPECT_FALSE(Image::open(nullptr, 100));
  EXPECT_FALSE(Image::open(bytes + 1, test.size() - 1)) << "not aligned";
}

TEST(Image, RefusesEveryFlippedBitOfItsHeader) {
  TestImage test;
  test.add(Table::statics, object(test, "a", 0x100, 1));
  test.finish();
  for (std::size_t bit = 0; bit < 8 * sizeof(ImageHeader); ++bit) {
    // Which content a file has is not the header's to prove: content_is_intact() does.
    test.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(Image::open(test.bytes(), test.size())) << "bit " << bit;
    test.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_TRUE(Image::open(test.bytes(), test.size()));
}

TEST(Image, RefusesATableOutsideEvenIfItIsEmpty) {
  TestImage test;
  test.add(Table::statics, object(test, "a", 0x100, 1));
  test.finish();
  auto* const header = reinterpret_cast<ImageHeader*>(test.bytes());
  TableEntry& empty = header->tables[static_cast<std::size_t>(Table::sites)];
  ASSERT_EQ(empty.count, 0u);
  empty.offset = test.size();
  seal_image(reinterpret_cast<unsigned char*>(test.bytes()));
  EXPECT_TRUE(Image::open(test.bytes(), test.size()));
  empty.offset = ~std::uint64_t{7};
  seal_image(reinterpret_cast<unsigned char*>(test.bytes()));
  EXPECT_FALSE(Image::open(test.bytes(), test.size()));
}

TEST(Image, KnowsWhenItsContentWasChanged) {
  TestImage test;
  test.add(Table::statics, object(test, "a", 0x100, 1));
  test.finish();
  EXPECT_TRUE(Image::open(test.bytes(), test.size())->content_is_intact());
  test.bytes()[test.size() - 20] ^= std::byte{4};
  EXPECT_FALSE(Image::open(test.bytes(), test.size())->content_is_intact());
}

TEST(Image, AReferenceBeyondATableIsNothing) {
  TestImage test;
  TypeRecord type;
  type.kind = Kind::composite;
  type.first = 5;
  type.count = 1u << 30;
  test.add_type(type);
  const std::byte* bytes = test.finish();
  const auto image = Image::open(bytes, test.size());
  EXPECT_TRUE(image->members_of(image->types()[0]).empty());
  EXPECT_STREQ(image->text(1u << 30), "");
  EXPECT_EQ(image->type(7), nullptr);
}

// Two pages of types, and texts that lie behind them.
TEST(CheckedPages, OneDamagedByteHidesItsPageAndNothingElse) {
  TestImage source;
  for (std::uint32_t i = 0; i < 128; ++i)
    source.add_type({.size = i, .name = source.text("type" + std::to_string(i))});
  source.finish();
  std::atomic<std::uint8_t> states[8]{};
  std::atomic<bool> is_damaged{false};
  std::atomic<std::uint32_t> sound_tables{0}, searches{0}, damages{0};
  auto image = Image::open(source.bytes(), source.size());
  ASSERT_TRUE(image && image->pages() <= 8 && image->sums_are_intact());
  const TypeRecord* last = &image->types()[127];
  const auto page = (reinterpret_cast<const std::byte*>(last) - source.bytes()) / kSummedPage;
  source.bytes()[page * kSummedPage + 100] ^= std::byte{1};
  image->check_pages({.states = states,
                      .is_damaged = &is_damaged,
                      .sound_tables = &sound_tables,
                      .searches = &searches,
                      .damages = &damages});
  EXPECT_FALSE(image->content_is_intact());
  ASSERT_NE(image->type(0), nullptr);
  EXPECT_FALSE(image->is_damaged());
  EXPECT_EQ(image->type(127), nullptr);
  EXPECT_TRUE(image->is_damaged());
  EXPECT_EQ(damages, 1u);
  EXPECT_EQ(image->type(126), nullptr);
  EXPECT_EQ(damages, 1u) << "counted once";
}

}  // namespace
}  // namespace allocs::types
