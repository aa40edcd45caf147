// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/sequence.h"

#include "runtime/self/memory.h"
#include "runtime/self/pool_memory.h"
#include "runtime/self/registered.h"

namespace allocs::preload {

namespace {

// One for each family that was used; they stay.
struct FamilyAllocator {
  allocator object;
  alloc_protocol protocol;
  const alloc_sequence_family* family;
  std::atomic<FamilyAllocator*> next;
};
constinit std::atomic<FamilyAllocator*> g_families{nullptr};

std::size_t stretch_of(const Sequence& sequence, const char* at) {
  return static_cast<std::size_t>(at - sequence.begin) / kStretch;
}

void note_start(const Sequence& sequence, const char* at) {
  if (sequence.starts == nullptr || at >= sequence.end) return;
  FoundStart& start = sequence.starts[stretch_of(sequence, at)];
  if (start.load(std::memory_order_relaxed) != 0) return;
  const std::size_t offset = static_cast<std::size_t>(at - sequence.begin) % kStretch;
  start.store(static_cast<std::uint16_t>(offset + 1), std::memory_order_relaxed);
}

// The last place at or below `at` where an element is known to begin. A number counts only if it lies in its stretch: see pool_memory.h.
const char* known_start(const Sequence& sequence, const char* at) {
  for (std::size_t stretch = stretch_of(sequence, at);; --stretch) {
    const std::uint16_t start = sequence.starts[stretch].load(std::memory_order_relaxed);
    const char* const place = sequence.begin + stretch * kStretch + start - 1;
    if (start != 0 && start <= kStretch && place <= at) return place;
    if (stretch == 0) return sequence.begin;
  }
}

const char* start_of_decoding(const Sequence& sequence, const char* at) {
  const alloc_sequence_family& family = *sequence.family;
  if (family.sync != nullptr) {
    const auto* place = static_cast<const char*>(family.sync(family.context, sequence.begin, at));
    return place >= sequence.begin && place <= at ? place : sequence.begin;
  }
  return sequence.starts != nullptr ? known_start(sequence, at) : sequence.begin;
}

// ---- the protocol of a family's allocator ----

Sequence sequence_in(const void* context, const alloc_info& pool) {
  const auto* const begin = static_cast<const char*>(pool.base);
  return {.family = static_cast<const FamilyAllocator*>(context)->family,
          .begin = begin,
          .end = begin + pool.size,
          .starts = static_cast<FoundStart*>(self::pool_memory_of(pool))};
}

int find(void* context, const alloc_info* pool, const void* at, unsigned, alloc_info* child) {
  Element element;
  return element_around(sequence_in(context, *pool), static_cast<const char*>(at), element)
             ? put_element(element, child)
             : ALLOC_E_NOTHING_THERE;
}

int next(void* context, const alloc_info* pool, const void* from, unsigned, alloc_info* child) {
  Element element;
  return element_from(sequence_in(context, *pool), static_cast<const char*>(from), element)
             ? put_element(element, child)
             : ALLOC_E_NOTHING_THERE;
}

template <typename Matches>
FamilyAllocator* find_family(Matches matches) {
  for (FamilyAllocator* each = g_families.load(std::memory_order_acquire); each != nullptr;
       each = each->next.load(std::memory_order_acquire)) {
    if (matches(*each)) return each;
  }
  return nullptr;
}

FamilyAllocator* make_family(const alloc_sequence_family* family) {
  auto* const made = static_cast<FamilyAllocator*>(self::allocate(sizeof(FamilyAllocator)));
  if (made == nullptr) return nullptr;
  made->object.name = family->name;
  made->family = family;
  made->protocol = {.size = sizeof(alloc_protocol),
                    .context = made,
                    .find = find,
                    .next = next,
                    .get_traits = get_traits_of_part,
                    .make = nullptr,
                    .resize = nullptr,
                    .release = nullptr,
                    .set_type = nullptr};
  if (self::register_allocator(&made->object, &made->protocol) != ALLOC_OK) return nullptr;
  FamilyAllocator* first = g_families.load(std::memory_order_acquire);
  do {
    made->next.store(first, std::memory_order_relaxed);
  } while (!g_families.compare_exchange_weak(first, made, std::memory_order_acq_rel));
  return made;
}

}  // namespace

void for_each_family(void (*visit)(const void* family, void* context), void* context) {
  for (const FamilyAllocator* each = g_families.load(std::memory_order_acquire); each != nullptr;
       each = each->next.load(std::memory_order_acquire))
    visit(each->family, context);
}

bool decode_element(const Sequence& sequence, const char* at, Element& element) {
  if (at < sequence.begin || at >= sequence.end) return false;
  const auto left = static_cast<std::size_t>(sequence.end - at);
  element = {at, 0, nullptr};
  const int error =
      sequence.family->decode(sequence.family->context, at, left, &element.size, &element.type);
  return error == 0 && element.size != 0 && element.size <= left;
}

bool element_around(const Sequence& sequence, const char* at, Element& element) {
  if (at < sequence.begin || at >= sequence.end) return false;
  const char* from = start_of_decoding(sequence, at);
  while (decode_element(sequence, from, element)) {
    note_start(sequence, from);
    if (element.at + element.size > at) return true;
    from += element.size;
  }
  return false;
}

bool element_from(const Sequence& sequence, const char* from, Element& element) {
  if (from < sequence.begin) from = sequence.begin;
  if (!element_around(sequence, from, element)) return false;
  return element.at >= from || decode_element(sequence, element.at + element.size, element);
}

int put_element(const Element& element, alloc_info* child) {
  child->base = element.at;
  child->size = element.size;
  child->type = element.type;
  return ALLOC_OK;
}

int get_traits_of_part(void*, const alloc_info*, alloc_traits* traits) {
  traits->lifetime = ALLOC_LIFE_PARENT;
  traits->alignment = 1;
  return ALLOC_OK;
}

bool is_usable(const alloc_sequence_family* family) {
  // Without flags: a family of the first version.
  if (family == nullptr || family->size < offsetof(alloc_sequence_family, flags)) return false;
  const bool has_flags = family->size >= sizeof(*family);
  if (has_flags && (family->flags & ~unsigned{ALLOC_SEQUENCE_CONSTANT}) != 0) return false;
  return family->name != nullptr && family->decode != nullptr;
}

allocator* allocator_of_family(const alloc_sequence_family* family) {
  FamilyAllocator* known =
      find_family([&](const FamilyAllocator& each) { return each.family == family; });
  if (known == nullptr) known = make_family(family);
  return known == nullptr ? nullptr : &known->object;
}

const alloc_sequence_family* family_of(const allocator* which) {
  const FamilyAllocator* const known =
      find_family([&](const FamilyAllocator& each) { return &each.object == which; });
  return known == nullptr ? nullptr : known->family;
}

}  // namespace allocs::preload
