// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "declarations/declaration.h"

// How the code of a declared sub-allocator tells of its pieces: what the compiler plugins add to a unit that defines one.
//
//     void *slice_alloc(size_t size) { ...  return __allocs_piece_made(piece, size, cfa, &__allocs_maker_slice_alloc); }
//     void slice_free(void *piece)   { __allocs_piece_gone(piece);  ... }
//
// `cfa` is the canonical frame address: the word below it is where the sub-allocator returns to. So it must not be inlined. The functions and
// the object named here are assembly, one copy a program: each function jumps to the run time's, if the process has it.
namespace allocs::declarations {

inline constexpr char kPieceMade[] = "__allocs_piece_made";
inline constexpr char kPieceGone[] = "__allocs_piece_gone";
std::string piece_maker_name(std::string_view function);

// The assembly of kPieceMade, of kPieceGone, and of a function's maker: once a unit. For x86-64.
std::string piece_made_code();
std::string piece_gone_code();
std::string piece_maker_code(std::string_view function);

}  // namespace allocs::declarations
