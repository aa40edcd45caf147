// SPDX-License-Identifier: Apache-2.0
#include "types/site_id.h"

#include <gtest/gtest.h>

namespace allocs::types {
namespace {

std::string name_of(const SiteMarker& marker) {
  const SiteMarkerName name = encode_site_marker(marker);
  return {name.data(), name.size()};
}

TEST(SiteMarker, IsPrefixIdAndKind) {
  EXPECT_EQ(name_of({0x80a3f1, {SiteOrigin::size, SiteTargetSays::agrees, SiteShape::array}}),
            "__allocs_site$80a3f1$saa");
  EXPECT_EQ(name_of({kLastSiteId, {SiteOrigin::wrapper, SiteTargetSays::nothing, SiteShape::one}}),
            "__allocs_site$ffffff$wuo");
}

TEST(SiteMarker, OfEveryKindIsReadBackAsItWas) {
  using enum SiteOrigin;
  using enum SiteTargetSays;
  using enum SiteShape;
  for (const SiteOrigin origin : {new_expression, SiteOrigin::size, target, wrapper}) {
    for (const SiteTargetSays says : {agrees, disagrees, nothing}) {
      for (const SiteShape shape : {one, array, flexible, at_least, one_of}) {
        for (const std::uint32_t id : {kFirstSiteId, 0x80a3f1u, kLastSiteId}) {
          const SiteMarker marker{id, {origin, says, shape}};
          EXPECT_EQ(parse_site_marker(name_of(marker)), marker) << name_of(marker);
        }
      }
    }
  }
}

TEST(SiteMarker, NothingElseIsOne) {
  for (const char* name :
       {"", "size_t", "__allocs_site$", "__allocs_site$80a3f1$sa", "__allocs_site$80a3f1$saaa",
        "__allocs_site$80a3f1.saa",
        "__allocs_site$80A3f1$saa",  // upper case
        "__allocs_site$7fffff$saa",  // no site id
        "__allocs_site$80a3f1$xaa", "__allocs_site$80a3f1$sxa", "__allocs_site$80a3f1$sax",
        "__allocs_site$80a3f1$SAA", "x__allocs_site$80a3f1$saa"}) {
    EXPECT_EQ(parse_site_marker(name), std::nullopt) << name;
  }
}

TEST(SiteMarker, OfADamagedNameIsStillKnownAsOurs) {
  EXPECT_TRUE(is_site_marker_name("__allocs_site$80a3f1$?"));
  EXPECT_FALSE(is_site_marker_name("__allocs_sites"));
}

TEST(SiteId, IsNeitherASmallNumberNorOneOfMoreThan24Bits) {
  EXPECT_FALSE(is_site_id(0));
  EXPECT_FALSE(is_site_id(0x7FFFFF));
  EXPECT_TRUE(is_site_id(0x800000));
  EXPECT_TRUE(is_site_id(0xFFFFFF));
  EXPECT_FALSE(is_site_id(0x1000000));
}

}  // namespace
}  // namespace allocs::types
