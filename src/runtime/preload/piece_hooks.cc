// SPDX-License-Identifier: Apache-2.0
#include "base/export.h"
#include "runtime/allocators/pieces.h"
#include "runtime/self/statistics.h"

// What the compiler has declared sub-allocators call (declarations/piece_code.h): weak names, which are not there in a process without the run time.

using namespace allocs::allocators;

namespace {

[[gnu::noinline]] void* made_first(void* piece, std::size_t size, std::uint64_t cfa,
                                   PieceMaker* maker) {
  allocs::self::g_statistics.take_long_road();
  PieceFamily* const family = open_family(*maker);
  return family == nullptr ? piece : piece_made(piece, size, cfa, *family);
}

}  // namespace

extern "C" {

// Returns `piece`, so that it may be the last thing that a function does.
ALLOCS_EXPORT void* __allocs_1_piece_made(void* piece, std::size_t size, std::uint64_t cfa,
                                          PieceMaker* maker) {
  PieceFamily* const family = allocs::index::load_acquire(maker->family);
  if (family == nullptr) [[unlikely]]
    return made_first(piece, size, cfa, maker);
  return piece_made(piece, size, cfa, *family);
}

ALLOCS_EXPORT void __allocs_1_piece_gone(void* piece) { piece_gone(piece); }

}  // extern "C"
