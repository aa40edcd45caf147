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
// A slot is claimed by compare-and-swap of its owner; a thread starts at its own slot, so there is seldom a contest. Where all are taken, others are made (MoreFlux). The
// slot's sequence changes after the range was set (before the cell is cleared) and after the block is back in its cell.
// A reader that found nothing reads all slots in use, searches the cells once more, and reads the slots again: if no sequence
// changed, the second search was not disturbed. A fork copies the slots of threads that the child does not
// have: there, these blocks stay "being resized" for ever, which is the truth.
namespace allocs::index {

// Context: hook. `make_more` fills in Root::more_flux, if there is memory.
template <typename Store = DirectStore>
class FluxClaim {
 public:
  [[gnu::always_inline]] FluxClaim(Root& root, std::uint64_t thread_pointer, std::uint64_t begin,
                                   std::uint64_t end, void (*make_more)(), Store store = {})
      : root_(root), store_(store), slot_(claim(thread_pointer, make_more)) {
    if (slot_ == nullptr) {
      fetch_add(root_.flux_homeless, std::uint64_t{1});
      fetch_add(root_.counters.flux_overflowed, std::uint64_t{1});
      return;
    }
    store_.publish(&slot_->end, begin == end ? begin + 1 : end);
    store_.publish(&slot_->begin, begin);
    step();
  }
  [[gnu::always_inline]] ~FluxClaim() {
    if (slot_ == nullptr) {
      fetch_add(root_.flux_homeless, ~std::uint64_t{0});
      return;
    }
    store_.publish(&slot_->begin, std::uint64_t{0});
    step();
    store_.publish(&slot_->owner, std::uint64_t{0});
  }
  FluxClaim(const FluxClaim&) = delete;
  FluxClaim& operator=(const FluxClaim&) = delete;

 private:
  [[gnu::always_inline]] FluxSlot* claim(std::uint64_t thread_pointer, void (*make_more)()) {
    // The main thread's is the first, which lies with the rest of the root: most processes touch no other.
    const std::uint64_t distance = thread_pointer - root_.main_thread_pointer;
    const auto first = static_cast<unsigned>((distance >> 12) * 0x9E3779B97F4A7C15u >> 58);
    if (take(first, thread_pointer)) [[likely]]
      return &root_.flux[first];
    for (unsigned i = 1; i < kFluxSlots; ++i) {
      if (take((first + i) % kFluxSlots, thread_pointer))
        return &root_.flux[(first + i) % kFluxSlots];
    }
    return claim_of_more(root_, thread_pointer, make_more);
  }
  // No member, so that the claim itself stays in registers.
  [[gnu::noinline, gnu::cold]] static FluxSlot* claim_of_more(Root& root,
                                                              std::uint64_t thread_pointer,
                                                              void (*make_more)()) {
    if (load_acquire(root.more_flux) == Address{}) make_more();
    auto* const more = reinterpret_cast<MoreFlux*>(raw(load_acquire(root.more_flux)));
    if (more == nullptr) return nullptr;
    for (unsigned i = 0; i < kMoreFluxSlots; ++i) {
      std::uint64_t free = 0;
      if (load_relaxed(more->slots[i].owner) != 0 ||
          !compare_exchange(more->slots[i].owner, free, thread_pointer))
        continue;
      fetch_or(more->used[i / 64], std::uint64_t{1} << i % 64);
      return &more->slots[i];
    }
    return nullptr;
  }
  [[gnu::always_inline]] bool take(unsigned number, std::uint64_t thread_pointer) {
    std::uint64_t free = 0;
    if (!store_.exchange(&root_.flux[number].owner, free, thread_pointer)) return false;
    const std::uint64_t bit = std::uint64_t{1} << number;
    if ((load_relaxed(root_.flux_used) & bit) == 0) [[unlikely]] {
      store_.set_bits(&root_.flux_used, bit);
    }
    return true;
  }
  [[gnu::always_inline]] void step() {
    store_.publish(&slot_->sequence, load_relaxed(slot_->sequence) + 1);
  }

  Root& root_;
  [[no_unique_address]] Store store_;
  FluxSlot* slot_;
};

// What the slots said at one moment.
struct FluxView {
  std::uint64_t fingerprint = 0;  // changes with any slot
  bool covers = false;
  AddressRange range{};  // of the block that covers the address; empty when one has no slot
};

template <Memory M>
inline void look_at_slot(const M& memory, const FluxSlot& slot, Address a, FluxView& view) {
  view.fingerprint += load_of_root(memory, slot.sequence);
  const std::uint64_t begin = load_of_root(memory, slot.begin);
  const std::uint64_t end = load_of_root(memory, slot.end);
  if (begin != 0 && raw(a) >= begin && raw(a) < end) {
    view.covers = true;
    view.range = {Address{begin}, Address{end}};
  }
}

template <Memory M>
[[gnu::noinline, gnu::cold]] void look_at_more_flux(const M& memory, Address more, Address a,
                                                    FluxView& view) {
  for (unsigned word = 0; word < kMoreFluxSlots / 64; ++word) {
    const Address at = more + offsetof(MoreFlux, used) + word * sizeof(std::uint64_t);
    std::uint64_t used = load_word<std::uint64_t>(memory, at).value_or(0);
    view.fingerprint += used * 0x9E3779B97F4A7C15u;
    for (; used != 0; used &= used - 1) {
      const unsigned number = word * 64 + static_cast<unsigned>(__builtin_ctzll(used));
      const std::byte* const slot = memory.view(
          more + offsetof(MoreFlux, slots) + number * sizeof(FluxSlot), sizeof(FluxSlot));
      if (slot != nullptr) look_at_slot(memory, *reinterpret_cast<const FluxSlot*>(slot), a, view);
    }
  }
}

// Context: signal. `memory`: that `root` is of.
template <Memory M>
FluxView look_at_flux(const M& memory, const Root& root, Address a) {
  FluxView view;
  if (load_acquire(root.flux_homeless) != 0) view.covers = true;
  std::uint64_t used = load_of_root(memory, root.flux_used);
  view.fingerprint = used * 0x9E3779B97F4A7C15u;
  for (; used != 0; used &= used - 1)
    look_at_slot(memory, root.flux[static_cast<unsigned>(__builtin_ctzll(used))], a, view);
  if (const Address more = load_acquire(root.more_flux); more != Address{}) [[unlikely]]
    look_at_more_flux(memory, more, a, view);
  return view;
}

}  // namespace allocs::index
