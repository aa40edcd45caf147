// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/pool_memory.h"

#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <bit>
#include <cstring>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"

namespace allocs::self {

namespace {

// In front of what is handed out. Sizes are powers of two, so that what was given back fits again.
struct alignas(16) Piece {
  Piece* next;  // of those that were given back
  std::uint32_t log2_size;
  std::uint32_t epoch;  // when it was given back
};
constexpr std::size_t kSizes = 48;
ALLOCS_APART constinit Piece* g_returned[kSizes] = {};
constinit ProcessLock g_lock;
constexpr unsigned kPatience = 2000;  // ms

constinit std::atomic<std::uint32_t> g_epoch{0};
constinit std::atomic<std::uint32_t> g_readers[2] = {};
constinit std::atomic<unsigned> g_generation{0};

// Everything here is sequentially consistent: a reader that has seen a pool in use has counted itself before the pool was demoted.
void try_to_advance() {
  std::uint32_t epoch = g_epoch.load();
  if (g_readers[(epoch + 1) % 2].load() == 0) g_epoch.compare_exchange_strong(epoch, epoch + 1);
}

bool has_left(std::uint32_t epoch) { return g_epoch.load() - epoch >= 2; }

// One whose readers have left; behind those that are not so far.
Piece* take_returned(std::uint32_t log2_size) {
  for (Piece** place = &g_returned[log2_size]; *place != nullptr; place = &(*place)->next) {
    Piece* const piece = *place;
    if (!has_left(piece->epoch)) continue;
    *place = piece->next;
    return piece;
  }
  return nullptr;
}

}  // namespace

PoolReader::PoolReader() : generation_(pool_generation()) {
  for (;;) {
    epoch_ = g_epoch.load();
    g_readers[epoch_ % 2].fetch_add(1);
    if (g_epoch.load() == epoch_) return;
    g_readers[epoch_ % 2].fetch_sub(1);
  }
}

PoolReader::~PoolReader() {
  if (generation_ == pool_generation()) g_readers[epoch_ % 2].fetch_sub(1);
}

unsigned pool_generation() { return g_generation.load(std::memory_order_relaxed); }

void forget_pool_readers() {
  g_generation.fetch_add(1);
  for (auto& count : g_readers) count.store(0);
}

bool wait_for_pool_readers(unsigned timeout_ms) {
  constexpr unsigned kLooks = 1000;
  const std::uint32_t before = g_epoch.load();
  for (unsigned i = 0; i < kLooks + timeout_ms; ++i) {
    try_to_advance();
    if (has_left(before)) return true;
    if (i < kLooks) {
      if (i > 1) raw_syscall(SYS_sched_yield);
    } else {
      const timespec pause{0, 1'000'000};
      raw_syscall(SYS_nanosleep, &pause, 0L);
    }
  }
  return false;
}

void* take_pool_memory(std::size_t size) {
  if (size > std::size_t{1} << (kSizes - 2)) return nullptr;
  const std::size_t whole = std::bit_ceil(size + sizeof(Piece));
  const auto log2_size = static_cast<std::uint32_t>(std::countr_zero(whole));
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return nullptr;
  try_to_advance();
  try_to_advance();
  Piece* piece = take_returned(log2_size);
  if (piece != nullptr) {
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
  piece->epoch = g_epoch.load();
  piece->next = g_returned[piece->log2_size];
  g_returned[piece->log2_size] = piece;
}

}  // namespace allocs::self
