// SPDX-License-Identifier: Apache-2.0
#include "meta/locations.h"

#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

using types::LocationKind;
using types::LocationPiece;
using Kind = Place::Kind;

Place place(std::initializer_list<int> bytes) {
  static const Unit unit;
  std::vector<std::byte> expression;
  for (const int byte : bytes) expression.push_back(static_cast<std::byte>(byte));
  return place_of(unit, expression);
}

TEST(PlaceOf, KnowsTheFormsThatNeedNoComputing) {
  EXPECT_EQ(place({DW_OP_fbreg, 0x68}).kind, Kind::frame_offset);
  EXPECT_EQ(place({DW_OP_fbreg, 0x68}).value, -24);
  EXPECT_EQ(place({DW_OP_breg7, 16}).kind, Kind::register_offset);
  EXPECT_EQ(place({DW_OP_breg7, 16}).reg, 7u);
  EXPECT_EQ(place({DW_OP_reg5}).kind, Kind::in_register);
  EXPECT_EQ(place({DW_OP_regx, 17}).reg, 17u);
  EXPECT_EQ(place({DW_OP_call_frame_cfa}).kind, Kind::cfa_offset);
  EXPECT_EQ(place({DW_OP_addr, 0x10, 0x20, 0, 0, 0, 0, 0, 0}).value, 0x2010);
  EXPECT_EQ(place({DW_OP_addr, 0x10, 0x20, 0, 0, 0, 0, 0, 0, DW_OP_plus_uconst, 4}).value, 0x2014);
}

TEST(PlaceOf, KnowsThreadLocals) {
  const Place gcc = place({DW_OP_const8u, 8, 0, 0, 0, 0, 0, 0, 0, DW_OP_GNU_push_tls_address});
  EXPECT_EQ(gcc.kind, Kind::thread_local_);
  EXPECT_EQ(gcc.value, 8);
  EXPECT_EQ(place({DW_OP_const4u, 4, 0, 0, 0, DW_OP_form_tls_address}).kind, Kind::thread_local_);
}

TEST(PlaceOf, LeavesComputingToTheReader) {
  EXPECT_EQ(place({DW_OP_fbreg, 0x68, DW_OP_deref}).kind, Kind::computed) << "by reference";
  EXPECT_EQ(place({DW_OP_breg0, 0, DW_OP_stack_value}).kind, Kind::value)
      << "a value without a place";
}

TEST(PlaceOf, LeavesAllElseUnknown) {
  EXPECT_EQ(place({}).kind, Kind::unknown);
  EXPECT_EQ(place({DW_OP_reg0, DW_OP_piece, 8}).kind, Kind::unknown) << "in pieces";
  EXPECT_EQ(place({DW_OP_entry_value, 1, DW_OP_reg5, DW_OP_stack_value}).kind, Kind::unknown);
  EXPECT_EQ(place({DW_OP_const4u, 4, 0, 0, 0}).kind, Kind::unknown) << "a number";
  EXPECT_EQ(place({DW_OP_addr, 1, 0, 0, 0, 0, 0, 0, 0, DW_OP_deref}).kind, Kind::unknown)
      << "an address needs the load bias";
  EXPECT_EQ(place({DW_OP_addr, 1, 2}).kind, Kind::unknown) << "cut short";
  EXPECT_EQ(place({DW_OP_fbreg}).kind, Kind::unknown) << "cut short";
}

TEST(Tidy, SortsJoinsAndClipsPieces) {
  std::vector<LocationPiece> pieces = {{30, 40, LocationKind::memory, 8},
                                       {10, 20, LocationKind::memory, -16},
                                       {20, 25, LocationKind::memory, -16},
                                       {24, 32, LocationKind::in_register, 3}};
  tidy(pieces);
  const std::vector<LocationPiece> expected = {{10, 25, LocationKind::memory, -16},
                                               {25, 32, LocationKind::in_register, 3},
                                               {32, 40, LocationKind::memory, 8}};
  EXPECT_EQ(pieces, expected);
}

}  // namespace
}  // namespace allocs::meta
