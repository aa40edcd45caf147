// SPDX-License-Identifier: Apache-2.0
#include "types/write/type_names.h"

#include <gtest/gtest.h>

#include "types/write/merge_types.h"

namespace allocs::types {
namespace {

// Builds types one on another and tells both names of each.
class TypeNames : public testing::Test {
 protected:
  TypeIndex base(const char* spelling, std::uint8_t encoding, std::uint64_t size) {
    return source_.add(
        {.size = size, .name = strings_.add(spelling), .kind = Kind::base, .detail = encoding});
  }
  TypeIndex address(TypeIndex target, AddressKind kind = AddressKind::pointer) {
    return source_.add(
        {.target = target, .kind = Kind::address, .detail = static_cast<std::uint8_t>(kind)});
  }
  TypeIndex array(TypeIndex element, std::uint64_t count) {
    return source_.add({.count = count, .target = element, .kind = Kind::array});
  }
  TypeIndex tag(const char* name, CompositeKind kind, std::uint8_t flags = 0) {
    return source_.add({.size = 4,
                        .name = strings_.add(name),
                        .kind = Kind::composite,
                        .detail = static_cast<std::uint8_t>(kind),
                        .flags = flags});
  }
  TypeIndex function(TypeIndex returns, std::vector<TypeIndex> arguments,
                     std::uint8_t flags = kTypePrototyped) {
    const auto first = static_cast<std::uint32_t>(source_.members.size());
    for (const TypeIndex argument : arguments) source_.members.push_back({.type = argument});
    return source_.add({.count = arguments.size(),
                        .target = returns,
                        .first = first,
                        .kind = Kind::subprogram,
                        .flags = flags});
  }
  void expect(TypeIndex type, const char* canonical, const char* human) {
    expected_.push_back({type, canonical, human});
  }

  void TearDown() override {
    const MergedTypes merged = merge_equal_types(source_, strings_);
    for (const auto& [type, canonical, human] : expected_) {
      const TypeRecord& record = merged.tables.types[merged.index_of[type]];
      EXPECT_EQ(strings_[record.name], canonical);
      EXPECT_EQ(strings_[record.human_name], human);
    }
  }

  struct Expected {
    TypeIndex type;
    const char* canonical;
    const char* human;
  };
  SourceTypes source_;
  StringPool strings_;
  std::vector<Expected> expected_;
};

TEST_F(TypeNames, BaseTypesAreCalledByEncodingAndBits) {
  expect(0, "void", "void");
  expect(base("int", 5, 4), "int$32", "int");
  expect(base("long unsigned int", 7, 8), "uint$64", "long unsigned int");
  expect(base("char", 6, 1), "signed_char$8", "char");
  expect(base("unsigned char", 8, 1), "unsigned_char$8", "unsigned char");
  expect(base("double", 4, 8), "float$64", "double");
  expect(base("_Bool", 2, 1), "boolean$8", "_Bool");
  expect(base("complex double", 3, 16), "complex_float$128", "_Complex double");
  expect(base("char8_t", 0x10, 1), "utf$8", "char8_t");
  expect(base("odd", 0x85, 2), "encoding_85$16", "odd");
}

TEST_F(TypeNames, FormatsOfFloatingPointNumbersThatTheSizeDoesNotSayAreNamed) {
  const auto number = [&](const char* spelling, std::uint8_t encoding, std::uint64_t size,
                          FloatFormat format) {
    const TypeIndex made = base(spelling, encoding, size);
    source_.types[made].flags = type_flags_of(format);
    return made;
  };
  using enum FloatFormat;
  expect(number("long double", 4, 16, by_size), "float$128", "long double");
  expect(number("__float128", 4, 16, binary128), "binary128$128", "_Float128");
  expect(number("_Float128", 4, 16, binary128), "binary128$128", "_Float128");
  expect(number("_Float16", 4, 2, by_size), "float$16", "_Float16");
  expect(number("__bf16", 4, 2, bfloat16), "bfloat16$16", "__bf16");
  expect(number("complex", 3, 32, by_size), "complex_float$256", "_Complex long double");
  expect(number("complex", 3, 32, binary128), "complex_binary128$256", "_Complex _Float128");
  expect(number("complex", 3, 4, by_size), "complex_float$32", "_Complex _Float16");
  expect(number("complex", 3, 32, unclear), "complex_unclear_float$256", "complex");
  expect(number("long double", 4, 16, unclear), "unclear_float$128", "long double");
}

TEST_F(TypeNames, BigEndianNumbersAreCalledSoAndAreTypesOfTheirOwn) {
  const auto number = [&](const char* spelling, std::uint8_t encoding, std::uint64_t size) {
    const TypeIndex made = base(spelling, encoding, size);
    source_.types[made].flags |= kTypeBigEndian;
    return made;
  };
  expect(number("big_endian unsigned int", 7, 4), "big_endian_uint$32", "big_endian unsigned int");
  expect(number("big_endian double", 4, 8), "big_endian_float$64", "big_endian double");
  expect(number("complex double", 3, 16), "big_endian_complex_float$128",
         "big_endian _Complex double");
  expect(base("unsigned int", 7, 4), "uint$32", "unsigned int");
}

TEST_F(TypeNames, SpellingsOfOneTypeShareItAndTheShortestIsShown) {
  expect(base("long long int", 5, 8), "int$64", "long int");
  expect(base("long int", 5, 8), "int$64", "long int");
  expect(base("signed char", 6, 1), "signed_char$8", "char");
  expect(base("char", 6, 1), "signed_char$8", "char");
}

TEST_F(TypeNames, ArraysAndPointersNestAsInC) {
  const TypeIndex character = base("char", 6, 1);
  const TypeIndex text = address(character);
  expect(array(text, 2), "__ARR2___PTR_signed_char$8", "char *[2]");
  expect(address(array(character, 2)), "__PTR___ARR2_signed_char$8", "char (*)[2]");
  expect(array(array(character, 3), 2), "__ARR2___ARR3_signed_char$8", "char[2][3]");
  expect(array(character, kUnbounded), "__ARR0_signed_char$8", "char[]");
  expect(address(text), "__PTR___PTR_signed_char$8", "char **");
}

TEST_F(TypeNames, FunctionsNameTheirArguments) {
  const TypeIndex integer = base("int", 5, 4);
  const TypeIndex arguments = address(address(base("char", 6, 1)));
  const TypeIndex main = function(integer, {integer, arguments});
  expect(main, "__FUN_FROM___ARG0_int$32__ARG1___PTR___PTR_signed_char$8__FUN_TO_int$32",
         "int (int, char **)");
  expect(address(main),
         "__PTR___FUN_FROM___ARG0_int$32__ARG1___PTR___PTR_signed_char$8__FUN_TO_int$32",
         "int (*)(int, char **)");
  expect(function(integer, {integer}, kTypePrototyped | kTypeVariadic),
         "__FUN_FROM___ARG0_int$32__VA___FUN_TO_int$32", "int (int, ...)");
  expect(function(0, {}), "__FUN_FROM___FUN_TO_void", "void (void)");
  expect(function(address(main), {}),
         "__FUN_FROM___FUN_TO___PTR___FUN_FROM___ARG0_int$32__ARG1___PTR___PTR_"
         "signed_char$8__FUN_TO_int$32",
         "int (*(void))(int, char **)");
}

TEST_F(TypeNames, TaggedTypesKeepTheirNamesAndGetTheirKeywords) {
  expect(tag("foo", CompositeKind::structure), "foo", "struct foo");
  expect(address(tag("u", CompositeKind::union_)), "__PTR_u", "union u *");
  const TypeIndex vector =
      tag("std::vector<int, std::allocator<int> >", CompositeKind::class_, kTypeWithoutTagKeyword);
  expect(address(vector, AddressKind::reference), "__REF_std::vector<int, std::allocator<int> >",
         "std::vector<int, std::allocator<int> > &");
  expect(address(vector, AddressKind::rvalue_reference),
         "__RR_std::vector<int, std::allocator<int> >",
         "std::vector<int, std::allocator<int> > &&");
}

TEST_F(TypeNames, ANameThatWouldGrowWithoutEndIsCut) {
  TypeIndex type = base("int", 5, 4);
  for (int i = 0; i < 40; ++i) type = function(type, {type, type});
  const TypeIndex huge = type;
  const MergedTypes merged = merge_equal_types(source_, strings_);
  EXPECT_LT(strings_[merged.tables.types[merged.index_of[huge]].name].size(), 40'000u);
  EXPECT_LT(strings_[merged.tables.types[merged.index_of[huge]].human_name].size(), 40'000u);
}

}  // namespace
}  // namespace allocs::types
