// SPDX-License-Identifier: Apache-2.0
#include "meta/float_names.h"

#include <dwarf.h>

#include <algorithm>

namespace allocs::meta {

using types::FloatFormat;

namespace {

// gcc, clang, gcc's and the standard's library, rustc, icc.
constexpr std::string_view kBinary128[] = {"_Float128",       "__float128", "f128",
                                           "std::float128_t", "float128_t", "_Quad"};
constexpr std::string_view kBfloat16[] = {"__bf16", "std::bfloat16_t", "bfloat16_t", "bf16"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// The name of a part of what may be a complex number's: gcc writes "complex _Float128".
std::string_view part_name(std::string_view name) {
  for (const std::string_view word : {"complex ", "_Complex "}) {
    if (name.starts_with(word)) return name.substr(word.size());
  }
  return name;
}

// The size of a number, or of one of the two of a complex one; 0 of what is neither.
std::uint64_t part_size(std::uint8_t encoding, std::uint64_t size) {
  if (encoding == DW_ATE_complex_float) return size / 2;
  return encoding == DW_ATE_float || encoding == DW_ATE_imaginary_float ? size : 0;
}

}  // namespace

FloatFormat format_of_long_double(std::string_view producer, bool seen_in_object) {
  if (producer.find(kLongDoubleIsBinary128) != producer.npos) return FloatFormat::binary128;
  return producer.empty() && seen_in_object ? FloatFormat::unclear : FloatFormat::by_size;
}

FloatFormat float_format_of(std::string_view name, std::uint8_t encoding, std::uint64_t size,
                            const FloatNaming& naming) {
  const std::string_view part = part_name(name);
  switch (part_size(encoding, size)) {
    case 2:
      return is_one_of(part, kBfloat16) ? FloatFormat::bfloat16 : FloatFormat::by_size;
    case 16:
      // Of Fortran's compilers gfortran alone has extended numbers of 16 bytes, and says which they are.
      if (naming.is_fortran)
        return part.ends_with("(kind=10)") ? FloatFormat::by_size : FloatFormat::binary128;
      if (part == "long double") return naming.long_double;
      return is_one_of(part, kBinary128) ? FloatFormat::binary128 : FloatFormat::by_size;
    default:
      return FloatFormat::by_size;
  }
}

bool is_nameless_complex(std::string_view name, std::uint8_t encoding, std::uint64_t size,
                         const FloatNaming& naming) {
  return name == "complex" && encoding == DW_ATE_complex_float && size == 32 && !naming.is_fortran;
}

}  // namespace allocs::meta
