// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.h"
#include "base/memory.h"
#include "runtime/index/root.h"
#include "runtime/index/word.h"

// Blocks inside realloc. From the moment its old cell is cleared until its new one is written, a block is alive and in no
// cell; in between it stands here, so that a reader that finds no cell says "being resized", never "nothing there".
//
// A slot is claimed by compare-and-swap of its owner; a thread starts at its own slot, so there is seldom a contest. The
// slot's sequence changes after the range was set (before the cell is cleared) and after the block is back in its cell.
// A reader that found nothing reads all slots in use, searches the cells once more, and reads the slots again: if no sequence
// changed, the second search was not disturbed. A fork copies the slots of threads that the child does not
// have: there, these blocks stay "being resized" for ever, which is the truth.
namespace allocs::index {

// Context: hook.
class FluxClaim {
 public:
  [[gnu::always_inline]] FluxClaim(Root& root, std::uint64_t thread_pointer, std::uint64_t begin,
                                   std::uint64_t end)
      : root_(root), slot_(claim(thread_pointer)) {
    if (slot_ == nullptr) {
      fetch_add(root_.flux_homeless, std::uint64_t{1});
      fetch_add(root_.counters.flux_overflowed, std::uint64_t{1});
      return;
    }
    store_release(slot_->end, begin == end ? begin + 1 : end);
    store_release(slot_->begin, begin);
    step();
  }
  [[gnu::always_inline]] ~FluxClaim() {
    if (slot_ == nullptr) {
      fetch_add(root_.flux_homeless, ~std::uint64_t{0});
      return;
    }
    store_release(slot_->begin, std::uint64_t{0});
    step();
    store_release(slot_->owner, std::uint64_t{0});
  }
  FluxClaim(const FluxClaim&) = delete;
  FluxClaim& operator=(const FluxClaim&) = delete;

 private:
  [[gnu::always_inline]] FluxSlot* claim(std::uint64_t thread_pointer) {
    const auto first = static_cast<unsigned>((thread_pointer >> 12) * 0x9E3779B97F4A7C15u >> 58);
    if (take(first, thread_pointer)) [[likely]]
      return &root_.flux[first];
    for (unsigned i = 1; i < kFluxSlots; ++i) {
      if (take((first + i) % kFluxSlots, thread_pointer))
        return &root_.flux[(first + i) % kFluxSlots];
    }
    return nullptr;
  }
  [[gnu::always_inline]] bool take(unsigned number, std::uint64_t thread_pointer) {
    std::uint64_t free = 0;
    if (!compare_exchange(root_.flux[number].owner, free, thread_pointer)) return false;
    const std::uint64_t bit = std::uint64_t{1} << number;
    if ((load_relaxed(root_.flux_used) & bit) == 0) [[unlikely]] {
      __atomic_fetch_or(&root_.flux_used, bit, __ATOMIC_SEQ_CST);
    }
    return true;
  }
  [[gnu::always_inline]] void step() {
    store_release(slot_->sequence, load_relaxed(slot_->sequence) + 1);
  }

  Root& root_;
  FluxSlot* slot_;
};

// What the slots said at one moment.
struct FluxView {
  std::uint64_t fingerprint = 0;  // changes with any slot
  bool covers = false;
  AddressRange range{};  // of the block that covers the address; empty when one has no slot
};

// Context: signal.
inline FluxView look_at_flux(const Root& root, Address a) {
  FluxView view;
  if (load_acquire(root.flux_homeless) != 0) view.covers = true;
  std::uint64_t used = load_acquire(root.flux_used);
  view.fingerprint = used * 0x9E3779B97F4A7C15u;
  for (; used != 0; used &= used - 1) {
    const FluxSlot& slot = root.flux[static_cast<unsigned>(__builtin_ctzll(used))];
    view.fingerprint += load_acquire(slot.sequence);
    const std::uint64_t begin = load_acquire(slot.begin);
    const std::uint64_t end = load_acquire(slot.end);
    if (begin != 0 && raw(a) >= begin && raw(a) < end) {
      view.covers = true;
      view.range = {Address{begin}, Address{end}};
    }
  }
  return view;
}

}  // namespace allocs::index
