// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/second_names.h"

#include "runtime/allocators/link_map_order.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

template <auto kSlot, SymbolName kName, typename Result, typename... Arguments>
Result first_second_name(Arguments... arguments) {
  void* const found = next_definition_of(kName);
  // Nobody has it: then a program that calls it does not start without us.
  if (found == nullptr) return Result();
  store_release(g_second_names.*kSlot, reinterpret_cast<Result (*)(Arguments...)>(found));
  return (g_second_names.*kSlot)(arguments...);
}

bool are_of_one_allocator() {
  constexpr SymbolName kFirst[] = {"malloc", "free", "calloc", "realloc"};
  const link_map* const self = our_object();
  if (self == nullptr) return false;
  const link_map* const owner = definer_of("__libc_free", self->l_next);
  for (const SymbolName& name : kFirst) {
    if (owner == nullptr || definer_of(name, self->l_next) != owner ||
        definer_of(name, first_object(), self) != nullptr)
      return false;
  }
  return true;
}

}  // namespace

constinit SecondNames g_second_names{
    first_second_name<&SecondNames::malloc, "__libc_malloc">,
    first_second_name<&SecondNames::free, "__libc_free">,
    first_second_name<&SecondNames::calloc, "__libc_calloc">,
    first_second_name<&SecondNames::realloc, "__libc_realloc">,
    first_second_name<&SecondNames::memalign, "__libc_memalign">,
    first_second_name<&SecondNames::valloc, "__libc_valloc">,
    first_second_name<&SecondNames::pvalloc, "__libc_pvalloc">,
};

bool second_names_are_of_the_allocator() {
  enum : std::uint32_t { unknown = 0, no, yes };
  static constinit std::uint32_t answer = unknown;
  std::uint32_t known = load_relaxed(answer);
  if (known == unknown) {
    if (load_acquire(g_root.malloc_kind) == MallocKind::unresolved) find_malloc_family();
    known = are_of_one_allocator() ? yes : no;
    store_relaxed(answer, known);
  }
  return known == yes;
}

}  // namespace allocs::allocators
