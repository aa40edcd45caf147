// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "types/image_format.h"

// DWARF says of a floating-point type its size and a name, and sizes are not enough: 16 bytes may be x87 extended or binary128, 2 bytes
// binary16 or bfloat16. So the name decides, as compilers choose it.
namespace allocs::meta {

// What the unit that a name is in says about it.
struct FloatNaming {
  bool is_fortran = false;
  // What `long double` is there: binary128 where gcc was told so (-mlong-double-128), unclear where that cannot be known.
  types::FloatFormat long_double = types::FloatFormat::by_size;
};

// By DW_AT_producer, which of clang does not tell: its -mlong-double-128 goes unnoticed. `seen_in_object`: some producer there has the option,
// and this unit names none.
types::FloatFormat format_of_long_double(std::string_view producer, bool seen_in_object);
inline constexpr std::string_view kLongDoubleIsBinary128 = "-mlong-double-128";

// The format of a base type of that DW_AT_name, DW_ATE_* and size in bytes; by_size of what is no floating-point or complex number.
types::FloatFormat float_format_of(std::string_view name, std::uint8_t encoding, std::uint64_t size,
                                   const FloatNaming& naming);

// clang calls complex numbers of every format "complex", and those of two formats have 32 bytes.
bool is_nameless_complex(std::string_view name, std::uint8_t encoding, std::uint64_t size,
                         const FloatNaming& naming);

}  // namespace allocs::meta
