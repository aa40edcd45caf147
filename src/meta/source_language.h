// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// What the language of a unit (DW_AT_language, DW_LANG_*) means for its types.
namespace allocs::meta {

// One flat space of tags, written "struct x". Also of a unit that does not say (0) and of assembler.
bool is_c(std::uint64_t language);

// The first index of an array is that of neighbours in memory.
bool is_fortran(std::uint64_t language);

// Where an array begins that does not say: 0 or 1, by DWARF 5's table of languages (7.12).
std::uint64_t first_index_of(std::uint64_t language);

}  // namespace allocs::meta
