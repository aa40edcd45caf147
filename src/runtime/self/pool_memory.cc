// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/pool_memory.h"

#include <bit>
#include <cstring>

#include "runtime/self/lock.h"
#include "runtime/self/memory.h"

namespace allocs::self {

namespace {

// In front of what is handed out. Sizes are powers of two, so that what was given back fits again.
struct alignas(16) Piece {
  Piece* next;  // of those that are free
  std::size_t log2_size;
};
constexpr std::size_t kSizes = 48;
constinit Piece* g_free[kSizes] = {};
constinit ProcessLock g_lock;
constexpr unsigned kPatience = 2000;  // ms

}  // namespace

void* take_pool_memory(std::size_t size) {
  if (size > std::size_t{1} << (kSizes - 2)) return nullptr;
  const std::size_t whole = std::bit_ceil(size + sizeof(Piece));
  const auto log2_size = static_cast<std::size_t>(std::countr_zero(whole));
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return nullptr;
  Piece* piece = g_free[log2_size];
  if (piece != nullptr) {
    g_free[log2_size] = piece->next;
    std::memset(static_cast<void*>(piece + 1), 0, whole - sizeof(Piece));
    return piece + 1;
  }
  piece = static_cast<Piece*>(allocate(whole));
  if (piece == nullptr) return nullptr;
  piece->log2_size = log2_size;
  return piece + 1;
}

void give_back_pool_memory(void* memory) {
  if (memory == nullptr) return;
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return;  // lost
  Piece* const piece = static_cast<Piece*>(memory) - 1;
  piece->next = g_free[piece->log2_size];
  g_free[piece->log2_size] = piece;
}

}  // namespace allocs::self
