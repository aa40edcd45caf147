// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/known_objects.h"

#include <new>

#include "runtime/self/memory.h"

namespace allocs::self {

constinit KnownObjects g_known_objects;

namespace {

constexpr std::uint64_t kPage = 4096;

// Do the pages of its segments follow each other?
bool is_without_gaps(const query::Object& object) {
  std::uint64_t end = raw(object.link_address(object.range.begin));
  const auto segments = object.image->table<types::RegionRecord>(types::Table::segments);
  if (!object.image->is_sound(segments.data(), segments.size_bytes())) return false;
  for (const auto& segment : segments) {
    if (segment.address / kPage * kPage > end) return false;
    end = (segment.address + segment.size + kPage - 1) / kPage * kPage;
  }
  return end == raw(object.link_address(object.range.end));
}

}  // namespace

void KnownObjects::put(Address at, const query::Object* object, std::uint64_t generation) {
  Entry* head = entries_.load(std::memory_order_acquire);
  Entry* entry = head;
  while (entry != nullptr && entry->object != object) entry = entry->next;
  if (entry == nullptr) {
    void* memory = allocate(sizeof(Entry));
    if (memory == nullptr) return;
    entry = new (memory) Entry{.object = object, .generation = generation, .next = head};
    // Two threads may make entries for the same object: both are right.
    while (!entries_.compare_exchange_weak(entry->next, entry, std::memory_order_acq_rel)) {
    }
  }
  entry->generation.store(generation, std::memory_order_release);
  slots_[slot_of(at)].store(entry, std::memory_order_release);
}

void KnownObjects::put_executable(const query::Object* object) {
  if (executable_ != nullptr || !is_without_gaps(*object)) return;
  executable_ = object;
  executable_size_ = object->range.size();
  executable_begin_.store(raw(object->range.begin), std::memory_order_release);
}

}  // namespace allocs::self
