// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <time.h>

#include <cstdint>

#include "base/raw_syscall.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/word.h"

// What is known of blocks that have holders beside the explicit one, by where they start. In memory of our own, which grows as it is needed and is used again.
//
// Each change is one store in the end, so that a child which was forked in the midst of one by another thread finds the table as it was before or is afterwards.
namespace allocs::allocators {

// Who may keep blocks alive. In lists that only grow; never changed once listed.
struct Holder {
  const char* name = nullptr;
  int kind = 0;  // enum alloc_holder_kind
  void (*gone)(void* context, void* block, std::size_t size) = nullptr;
  void* context = nullptr;
  Holder* next = nullptr;
};

// That a holder holds a block `count` times; 0: it did, and is still to be told when the block goes.
struct Hold {
  Holder* holder = nullptr;
  std::uint64_t count = 0;
  Hold* next = nullptr;
};

struct HeldBlock {
  std::uint64_t start = 0;
  std::uint64_t size = 0;  // its record in the index, which free clears before it asks here
  std::uint32_t site = 0;
  bool is_freed = false;      // the explicit holder has let go
  bool is_going = false;      // nobody holds it: its holders are being told
  Hold* holds = nullptr;      // the last that came first
  HeldBlock* next = nullptr;  // in a list of those that go, or of unused ones

  void* block() const { return reinterpret_cast<void*>(start); }
  Hold* hold_of(const Holder& holder) const {
    for (Hold* each = holds; each != nullptr; each = each->next)
      if (each->holder == &holder) return each;
    return nullptr;
  }
  bool is_held_by_others() const {
    for (const Hold* each = holds; each != nullptr; each = each->next)
      if (each->count != 0) return true;
    return false;
  }
};

// The right to touch the table. It is waited for without end, but not by a thread that has it (a signal handler that frees): that is refused. It lies in the page that a fork wipes.
// Context: hook, but only for blocks that have holders.
class HolderLock {
 public:
  HolderLock() { acquire(); }
  // Gives up after so many attempts.
  explicit HolderLock(int attempts) { acquire(attempts); }
  ~HolderLock() { release(); }
  HolderLock(const HolderLock&) = delete;
  HolderLock& operator=(const HolderLock&) = delete;
  explicit operator bool() const { return is_held_; }

  void acquire(int attempts = -1) {
    constexpr int kSpins = 100, kYields = 200;
    for (int attempt = 0; attempts < 0 || attempt < attempts; ++attempt) {
      std::uint64_t holder = 0;
      is_held_ = index::compare_exchange(g_fork_page.holder_lock, holder, thread_pointer());
      if (is_held_ || holder == thread_pointer()) return;
      if (attempt < kSpins || is_sandboxed()) {
        __builtin_ia32_pause();
      } else if (attempt < kYields) {
        raw_syscall(SYS_sched_yield);
      } else {
        const timespec pause{0, 50'000};
        raw_syscall(SYS_nanosleep, &pause, 0L);
      }
      if (attempt == kYields && attempts < 0) --attempt;  // for as long as it takes
    }
  }
  void release() {
    if (is_held_) index::store_release(g_fork_page.holder_lock, std::uint64_t{0});
    is_held_ = false;
  }

 private:
  bool is_held_ = false;
};

// A list of things that are not in use, made in memory that is never given back.
template <typename T>
class Reserve {
 public:
  constexpr Reserve() = default;
  T* take() {
    T* taken = first_;
    if (taken == nullptr) return static_cast<T*>(allocate_own(sizeof(T), alignof(T)));
    first_ = taken->next;
    *taken = T{};
    return taken;
  }
  void give_back(T& item) {
    item.next = first_;
    index::store_release(first_, &item);  // a child that is forked in between has it or not
  }

 private:
  T* first_ = nullptr;
};

// By where they start: open addressing in pages of our own. All under the lock.
class HeldTable {
 public:
  constexpr HeldTable() = default;

  HeldBlock* find(std::uint64_t start) const {
    if (slots_ == nullptr) return nullptr;
    for (std::uint64_t number = slots_->first(start);; ++number) {
      HeldBlock* const block = slots_->at(number);
      if (block == nullptr) return nullptr;
      if (block != taken_out() && block->start == start) return block;
    }
  }
  // Makes room for one more. False: there is no memory.
  bool reserve() { return (slots_ != nullptr && (used_ + 1) * 2 <= slots_->mask + 1) || grow(); }
  // After reserve().
  void put(HeldBlock& block) {
    std::uint64_t number = slots_->first(block.start);
    while (slots_->at(number) != nullptr && slots_->at(number) != taken_out()) ++number;
    used_ += slots_->at(number) == nullptr ? 1 : 0;
    ++count_;
    index::store_release(slots_->at(number), &block);
  }
  void take_out(const HeldBlock& block) {
    std::uint64_t number = slots_->first(block.start);
    for (; slots_->at(number) != &block; ++number)
      if (slots_->at(number) == nullptr) return;
    --count_;
    index::store_release(slots_->at(number), taken_out());
  }
  std::uint64_t count() const { return count_; }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::uint64_t number = 0; slots_ != nullptr && number <= slots_->mask; ++number) {
      HeldBlock* const block = slots_->at(number);
      if (block != nullptr && block != taken_out()) visit(*block);
    }
  }

 private:
  struct Slots {
    std::uint64_t mask;  // their number less 1
    HeldBlock* blocks[1];

    HeldBlock*& at(std::uint64_t number) { return blocks[number & mask]; }
    std::uint64_t first(std::uint64_t start) const {
      return ((start >> 3) * 0x9E3779B97F4A7C15u >> 20) & mask;
    }
    static std::size_t size_of(std::uint64_t count) {
      return sizeof(std::uint64_t) + count * sizeof(HeldBlock*);
    }
  };
  static HeldBlock* taken_out() { return reinterpret_cast<HeldBlock*>(1); }

  bool grow() {
    std::uint64_t more = 256;
    while (more < 4 * (count_ + 1)) more *= 2;
    auto* const slots = static_cast<Slots*>(map_own_pages(Slots::size_of(more)));
    if (slots == nullptr) return false;
    slots->mask = more - 1;
    for_each([&](HeldBlock& each) {
      std::uint64_t number = slots->first(each.start);
      while (slots->at(number) != nullptr) ++number;
      slots->at(number) = &each;
    });
    Slots* const before = slots_;
    index::store_release(slots_, slots);
    used_ = count_;
    if (before != nullptr) unmap_own_pages(before, Slots::size_of(before->mask + 1));
    return true;
  }

  Slots* slots_ = nullptr;
  std::uint64_t used_ = 0;   // slots that are not empty
  std::uint64_t count_ = 0;  // blocks
};

}  // namespace allocs::allocators
