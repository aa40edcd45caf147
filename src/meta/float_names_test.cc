// SPDX-License-Identifier: Apache-2.0
#include "meta/float_names.h"

#include <dwarf.h>
#include <gtest/gtest.h>

namespace allocs::meta {
namespace {

using enum types::FloatFormat;
constexpr FloatNaming kC{};
constexpr FloatNaming kFortran{.is_fortran = true};

TEST(FloatNames, SixteenBytesAreExtendedUnlessTheNameIsOneOfBinary128) {
  for (const char* name : {"long double", "_Float64x", "__float80", "real", "f80", ""})
    EXPECT_EQ(float_format_of(name, DW_ATE_float, 16, kC), by_size) << name;
  for (const char* name : {"_Float128", "__float128", "f128", "std::float128_t"})
    EXPECT_EQ(float_format_of(name, DW_ATE_float, 16, kC), binary128) << name;
}

TEST(FloatNames, TwoBytesAreBinary16UnlessTheNameIsOneOfBfloat16) {
  for (const char* name : {"_Float16", "f16", "__fp16", "half"})
    EXPECT_EQ(float_format_of(name, DW_ATE_float, 2, kC), by_size) << name;
  for (const char* name : {"__bf16", "std::bfloat16_t"})
    EXPECT_EQ(float_format_of(name, DW_ATE_float, 2, kC), bfloat16) << name;
}

TEST(FloatNames, ComplexNumbersHaveTheFormatOfTheirParts) {
  EXPECT_EQ(float_format_of("complex _Float128", DW_ATE_complex_float, 32, kC), binary128);
  EXPECT_EQ(float_format_of("complex __float128", DW_ATE_complex_float, 32, kC), binary128);
  EXPECT_EQ(float_format_of("complex long double", DW_ATE_complex_float, 32, kC), by_size);
  EXPECT_EQ(float_format_of("complex __bf16", DW_ATE_complex_float, 4, kC), bfloat16);
  EXPECT_EQ(float_format_of("complex _Float16", DW_ATE_complex_float, 4, kC), by_size);
}

TEST(FloatNames, FortranSaysTheKind) {
  EXPECT_EQ(float_format_of("real(kind=16)", DW_ATE_float, 16, kFortran), binary128);
  EXPECT_EQ(float_format_of("real(kind=10)", DW_ATE_float, 16, kFortran), by_size);
  EXPECT_EQ(float_format_of("complex(kind=16)", DW_ATE_complex_float, 32, kFortran), binary128);
  EXPECT_EQ(float_format_of("complex(kind=10)", DW_ATE_complex_float, 32, kFortran), by_size);
  EXPECT_EQ(float_format_of("complex(kind=8)", DW_ATE_complex_float, 16, kFortran), by_size);
}

TEST(FloatNames, WhatSaysItsFormatByItsSizeOrIsNoSuchNumberIsAsItIs) {
  EXPECT_EQ(float_format_of("_Float128", DW_ATE_float, 8, kC), by_size);
  EXPECT_EQ(float_format_of("real(kind=8)", DW_ATE_float, 8, kFortran), by_size);
  EXPECT_EQ(float_format_of("integer(kind=16)", DW_ATE_signed, 16, kFortran), by_size);
  EXPECT_EQ(float_format_of("_Decimal128", DW_ATE_decimal_float, 16, kC), by_size);
}

TEST(FloatNames, LongDoubleIsWhatTheUnitsCompilerWasTold) {
  const FloatNaming told{.long_double =
                             format_of_long_double("GNU C17 -mlong-double-128 -g", true)};
  EXPECT_EQ(float_format_of("long double", DW_ATE_float, 16, told), binary128);
  EXPECT_EQ(float_format_of("complex long double", DW_ATE_complex_float, 32, told), binary128);
  EXPECT_EQ(float_format_of("__float80", DW_ATE_float, 16, told), by_size);
  EXPECT_EQ(format_of_long_double("GNU C17 -mlong-double-80", true), by_size);
  EXPECT_EQ(format_of_long_double("", false), by_size);
  EXPECT_EQ(format_of_long_double("", true),
            unclear);  // a type unit: which it belongs to it does not say
}

}  // namespace
}  // namespace allocs::meta
