// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/operators.h"

#include <utility>

#include "base/every_process.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_symbols.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

#define ALLOCS_OPERATOR_TEXT(number, name) SymbolName(#name),
constexpr SymbolName kOperatorNames[kOperatorCount] = {
    ALLOCS_NEW_OPERATORS(ALLOCS_OPERATOR_TEXT) ALLOCS_DELETE_OPERATORS(ALLOCS_OPERATOR_TEXT)};

template <int kNumber>
std::uint64_t first_operator(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  find_malloc_family();
  return g_operators.jump[kNumber](a, b, c);
}
template <int kNumber>
void* next_new(std::uint64_t size, std::uint64_t b, std::uint64_t c) {
  return reinterpret_cast<void*>(g_operators.next[kNumber](size, b, c));
}
// To be jumped to.
template <int kNumber>
[[gnu::noinline]] void* new_slowly(std::uint64_t size, std::uint64_t b, std::uint64_t c,
                                   const void* caller) {
  return allocated(next_new<kNumber>(size, b, c), size, this_call(caller));
}
template <int kNumber>
void* recorded_new_block(std::uint64_t size, std::uint64_t b, std::uint64_t c, const void* caller) {
  const SiteSlot& slot = slot_of(caller);
  if (!holds(slot, caller) || size >= kBigBlock) [[unlikely]]
    return new_slowly<kNumber>(size, b, c, caller);
  const auto allocate = [=] { return next_new<kNumber>(size, b, c); };
  return size <= kMaximumShortSize ? allocate_short(size, slot, allocate)
                                   : allocate_longer(size, slot, allocate);
}
template <int kNumber>
std::uint64_t recorded_new(std::uint64_t size, std::uint64_t b, std::uint64_t c) {
  return raw(address_of(recorded_new_block<kNumber>(size, b, c, __builtin_return_address(0))));
}
template <int kNumber>
std::uint64_t recorded_delete(std::uint64_t block, std::uint64_t b, std::uint64_t c) {
  freed(reinterpret_cast<void*>(block));
  return g_operators.next[kNumber](block, b, c);
}
// When nobody defines them, which only a caller with a weak reference can notice.
template <int kNumber>
std::uint64_t absent_operator(std::uint64_t a, std::uint64_t b, std::uint64_t) {
  if constexpr (kNumber >= kNewOperators) {
    freed(reinterpret_cast<void*>(a));
    g_next.free(reinterpret_cast<void*>(a));
    return 0;
  } else {
    void* const block = kNumber >= kFirstAlignedNew ? g_next.memalign(b, a) : g_next.malloc(a);
    return raw(address_of(allocated(block, a, this_call())));
  }
}

// What the recorded ones call once blocks have holders.
constinit AnyOperator g_really[kOperatorCount] = {};
template <int kNumber>
std::uint64_t delete_unless_held(std::uint64_t block, std::uint64_t b, std::uint64_t c) {
  void* const start = reinterpret_cast<void*>(block);
  return may_be_held(start) && keeps_freed_block(start) ? 0 : g_really[kNumber](block, b, c);
}

struct OperatorForms {
  AnyOperator recorded[kOperatorCount];
  AnyOperator absent[kOperatorCount];
};
template <int kNumber>
constexpr AnyOperator recorded_operator() {
  if constexpr (kNumber < kNewOperators) return recorded_new<kNumber>;
  if constexpr (kNumber >= kNewOperators) return recorded_delete<kNumber>;
}
template <int... kNumbers>
constexpr OperatorForms all_forms(std::integer_sequence<int, kNumbers...>) {
  return {{recorded_operator<kNumbers>()...}, {absent_operator<kNumbers>...}};
}
template <int... kNumbers>
constexpr OperatorFamily at_first(std::integer_sequence<int, kNumbers...>) {
  return {{first_operator<kNumbers>...}, {}};
}
constexpr OperatorForms kForms = all_forms(std::make_integer_sequence<int, kOperatorCount>());

void set_operator(int number, AnyOperator next, AnyOperator jump) {
  store_release(g_operators.next[number], next);
  store_release(g_operators.jump[number], jump);
}

constinit std::uint32_t g_withdrawn = 0;

}  // namespace

constinit OperatorFamily g_operators = at_first(std::make_integer_sequence<int, kOperatorCount>());

[[ALLOCS_ONCE]] void find_operators(const link_map* from, const link_map* recorded) {
  const link_map* const usual = definer_of(kOperatorNames[0], from);
  const bool has_any =
      usual != nullptr || definer_of(kOperatorNames[kNewOperators], from) != nullptr;
  for (int number = 0; number < kOperatorCount; ++number) {
    if (!has_any) {
      set_operator(number, nullptr, kForms.absent[number]);
      continue;
    }
    const link_map* definer = usual;
    void* next =
        usual == nullptr ? nullptr : DynamicSymbols(*usual).address_of(kOperatorNames[number]);
    if (next == nullptr) {
      definer = definer_of(kOperatorNames[number], from);
      if (definer != nullptr) next = DynamicSymbols(*definer).address_of(kOperatorNames[number]);
    }
    const auto function = reinterpret_cast<AnyOperator>(next);
    if (next == nullptr) {
      set_operator(number, nullptr, kForms.absent[number]);
    } else {
      set_operator(number, function, definer == recorded ? kForms.recorded[number] : function);
    }
  }
}

template <int... kNumbers>
void watch_deletes(std::integer_sequence<int, kNumbers...>) {
  const auto watch = [](int number, AnyOperator watcher) {
    if (g_operators.jump[number] != kForms.recorded[number]) return;
    g_really[number] = g_operators.next[number];
    store_release(g_operators.next[number], watcher);
  };
  (watch(kNewOperators + kNumbers, delete_unless_held<kNewOperators + kNumbers>), ...);
}
void watch_operator_deletes() {
  watch_deletes(std::make_integer_sequence<int, kOperatorCount - kNewOperators>());
}

void withdraw_unused_operators() {
  std::uint32_t not_yet = 0;
  if (g_operators.next[0] != nullptr || !compare_exchange(g_withdrawn, not_yet, 1u)) return;
  SymbolPlace nowhere[kOperatorCount];
  for (int number = 0; number < kOperatorCount; ++number)
    nowhere[number] = {&kOperatorNames[number], 0};
  move_own_symbols(nowhere);
}

}  // namespace allocs::allocators
