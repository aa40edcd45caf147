// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "allocs/move.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/info.h"
#include "runtime/preload/moving.h"
#include "runtime/preload/own_array.h"
#include "runtime/self/lock.h"

// The public functions of <allocs/move.h>.

namespace {

using allocs::address_of;
using allocs::AddressRange;
using allocs::preload::Move;
using allocs::self::SelfProcess;

constinit allocs::preload::OwnArray<Move> g_moves;
constinit allocs::self::ProcessLock g_lock;
constexpr unsigned kPatienceMs = 2000;

void clear_results(alloc_moving& moving) {
  moving.references = 0;
  moving.obstacle = {.kind = ALLOC_NO_OBSTACLE,
                     .thread = 0,
                     .reg = -1,
                     .at = nullptr,
                     .value = nullptr,
                     .reserved = {}};
  moving.stop = {};
}

// Somebody may have come to hold it since it was planned.
int move_contents(const Move& move) {
  if (!copy_contents(move)) return ALLOC_E_REFUSED;
  if (!allocs::preload::is_of_malloc(move.from.allocator)) return ALLOC_OK;
  const allocs::allocators::HolderLock lock;
  return lock ? give_up_old(move) : ALLOC_E_HELD;
}

int move_one(const SelfProcess& process, Move& move, alloc_moving* moving, void** base) {
  if (const int error = make_place(move); error != ALLOC_OK) return error;
  const Move* failed = nullptr;
  const int error = moving != nullptr
                        ? move_with_references(process, {&move, 1}, AddressRange{}, *moving, failed)
                        : move_contents(move);
  if (error != ALLOC_OK) {
    give_up_place(move);
    return error;
  }
  *base = move.base;
  return release_old(move);
}

int place_all(std::span<Move> moves, const Move*& failed) {
  for (Move& move : moves) {
    failed = &move;
    if (const int error = plan(move); error != ALLOC_OK) return error;
  }
  std::sort(moves.begin(), moves.end(),
            [](const Move& a, const Move& b) { return a.begin() < b.begin(); });
  for (std::size_t i = 1; i < moves.size(); ++i) {
    failed = &moves[i];
    if (moves[i].begin() == moves[i - 1].begin() || moves[i].begin() < moves[i - 1].end())
      return ALLOC_E_INVALID;
  }
  for (Move& move : moves) {
    failed = &move;
    if (const int error = make_place(move); error != ALLOC_OK) return error;
  }
  failed = nullptr;
  return ALLOC_OK;
}

int move_all(const SelfProcess& process, alloc_move* moves, std::size_t count, alloc_moving& moving,
             const Move*& failed) {
  g_moves.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const Move move{.obj = moves[i].obj, .to = moves[i].to, .size = Move::kSameSize, .number = i};
    if (!g_moves.add(move)) return ALLOC_E_NO_MEMORY;
  }
  const std::span<Move> all = g_moves.all();
  int error = place_all(all, failed);
  const AddressRange named{address_of(moves), address_of(moves + count)};
  if (error == ALLOC_OK) error = move_with_references(process, all, named, moving, failed);
  if (error != ALLOC_OK) {
    for (Move& move : all) give_up_place(move);
    return error;
  }
  for (const Move& move : all) moves[move.number].base = move.base;
  for (const Move& move : all) {
    const int released = release_old(move);
    if (error == ALLOC_OK && released != ALLOC_OK) {
      error = released;
      failed = &move;
    }
  }
  return error;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_migrate(const void* obj, struct allocator* to, struct alloc_moving* moving,
                                void** base) {
  if (base == nullptr) return ALLOC_E_INVALID;
  if (moving != nullptr) clear_results(*moving);
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  Move move{.obj = obj, .to = to, .size = Move::kSameSize};
  if (const int error = plan(move); error != ALLOC_OK) return error;
  return move_one(process, move, moving, base);
}

ALLOCS_EXPORT int alloc_resize_moving(const void* obj, size_t size, struct alloc_moving* moving,
                                      void** base) {
  if (base == nullptr || moving == nullptr) return ALLOC_E_INVALID;
  clear_results(*moving);
  const int in_place = alloc_resize(obj, size, 0, base);
  if (in_place != ALLOC_E_NO_ROOM) return in_place;
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  Move move{.obj = obj, .to = nullptr, .size = size};
  if (const int error = plan(move); error != ALLOC_OK) return error;
  const bool is_of_file =
      move.from.type == nullptr &&
      allocs::preload::allocator_of(move.from.allocator) == allocs::query::Allocator::mmap;
  return is_of_file ? ALLOC_E_NO_ROOM : move_one(process, move, moving, base);
}

ALLOCS_EXPORT int alloc_migrate_all(struct alloc_move* moves, size_t count,
                                    struct alloc_moving* moving, size_t* failed) {
  if (failed != nullptr) *failed = count;
  if (moving == nullptr || (moves == nullptr && count != 0)) return ALLOC_E_INVALID;
  clear_results(*moving);
  if (count == 0) return ALLOC_OK;
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  const allocs::self::ProcessLock::Guard guard(g_lock, kPatienceMs);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  const Move* which = nullptr;
  const int error = move_all(process, moves, count, *moving, which);
  if (failed != nullptr && which != nullptr) *failed = which->number;
  return error;
}

ALLOCS_EXPORT const char* alloc_obstacle_message(int kind) {
  switch (kind) {
    case ALLOC_NO_OBSTACLE:
      return "no obstacle";
    case ALLOC_OBSTACLE_REGISTER:
      return "a register holds its address";
    case ALLOC_OBSTACLE_UNTYPED:
      return "nothing tells what lies there";
    case ALLOC_OBSTACLE_BYTES:
      return "an array of bytes may hold anything";
    case ALLOC_OBSTACLE_UNION:
      return "a union may hold the pointer or something else";
    case ALLOC_OBSTACLE_GUESS:
      return "that it is no pointer is a guess";
    case ALLOC_OBSTACLE_END:
      return "it may be the end of the array, or what begins there";
    case ALLOC_OBSTACLE_READ_ONLY:
      return "the pointer lies in memory that cannot be written to";
    case ALLOC_OBSTACLE_GIVEN:
      return "this library was given it to keep";
    default:
      return "unknown obstacle";
  }
}

ALLOCS_MOVE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
