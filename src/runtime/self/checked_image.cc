// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/checked_image.h"

#include "runtime/self/memory.h"

namespace allocs::self {

constinit std::atomic<std::uint32_t> g_damages{0};

bool check_as_used(types::Image& image) {
  static_assert(sizeof(std::atomic<std::uint8_t>) == 1);
  struct Summary {
    std::atomic<std::uint32_t> sound_tables;
    std::atomic<std::uint32_t> searches;
    std::atomic<bool> is_damaged;
  };
  auto* const memory = static_cast<std::byte*>(allocate(sizeof(Summary) + image.pages()));
  if (memory == nullptr) return image.content_is_intact();
  auto* const summary = reinterpret_cast<Summary*>(memory);
  image.check_pages(
      {.states = reinterpret_cast<std::atomic<std::uint8_t>*>(memory + sizeof(Summary)),
       .is_damaged = &summary->is_damaged,
       .sound_tables = &summary->sound_tables,
       .searches = &summary->searches,
       .damages = &g_damages});
  return true;
}

}  // namespace allocs::self
