// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "allocs/move.h"
#include "runtime/preload/info.h"
#include "runtime/self/self_process.h"

// Moves allocations and what refers to them. Context of all: query.
namespace allocs::preload {

// An allocation that is to move.
struct Move {
  const void* obj = nullptr;
  allocator* to = nullptr;
  std::size_t size = 0;  // that it is to have; kSameSize
  std::size_t number = 0;
  // What is made of it:
  alloc_info from{};
  const alloc_protocol* source = nullptr;
  const alloc_protocol* target = nullptr;
  void* base = nullptr;
  bool is_single = false;  // one object of its type

  static constexpr std::size_t kSameSize = ~std::size_t{0};
  Address begin() const { return address_of(from.base); }
  Address end() const { return address_of(from.base) + from.size; }
};

// Finds out what the move is about, and makes the new place; on failure none. `moving` may be nullptr: nothing is rewritten, and the contents are copied.
int plan(Move& move);
int make_place(Move& move);
void give_up_place(Move& move);
bool copy_contents(const Move& move);
// The old place goes in two steps: under the holders' lock, from when on nobody can hold it any more (ALLOC_E_HELD: somebody does), and without it.
int give_up_old(const Move& move);
int release_old(const Move& move);
inline bool is_of_malloc(const allocator* which) { return query::is_block(allocator_of(which)); }

// Stops the others, moves all, lets them run; the old places are given up then, but not released. The moves are sorted by where they begin; their places are made. `ignored`: memory of the caller's whose words are
// not looked at. `failed`: of which move an error is, if it is of one.
int move_with_references(const self::SelfProcess& process, std::span<Move> moves,
                         AddressRange ignored, alloc_moving& moving, const Move*& failed);

}  // namespace allocs::preload
