// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "allocs/sequence.h"
#include "base/export.h"
#include "base/public_names.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/elf_file.h"
#include "runtime/preload/info.h"
#include "runtime/preload/sequence.h"
#include "runtime/query/traits.h"
#include "runtime/self/memory.h"
#include "runtime/self/registered.h"

// The base level of packed sequences: one run of bytes of a sequence becomes another, and the allocation that holds it grows or shrinks.
//
// Whether the elements around stay what they are is tried first, on a copy: the elements before, what is put in, the one behind and some of what follows. Decoding looks ahead, so that elements
// before the last one may change too (the first bytes of a character that lacks others); from the next boundary on it finds what it found before.

namespace {

using allocs::address_of;
using allocs::AddressRange;
using allocs::preload::decode_element;
using allocs::preload::EditGuard;
using allocs::preload::Element;
using allocs::preload::Sequence;
using allocs::query::Allocator;

struct Bytes {
  const char* begin = nullptr;
  std::size_t size = 0;
};

struct Place {
  alloc_info host{};
  Sequence sequence{};
  const char* at = nullptr;  // here bytes are taken out and put in
  std::size_t removed = 0;
  const char* before = nullptr;  // here begins the first element that could become another one
  Element next{};
  bool has_next = false;
};

// The element that contains `obj`.
int find_place(const EditGuard& guard, const void* obj, Place& place) {
  if (guard.error() != ALLOC_OK) return guard.error();
  alloc_info element;
  if (const int error = alloc_query(obj, 0, &element); error != ALLOC_OK) return error;
  const alloc_sequence_family* const family = allocs::preload::family_of(element.allocator);
  if (family == nullptr || allocs::preload::is_constant(*family)) return ALLOC_E_NO_SUCH_OPERATION;
  if (const int error = alloc_get_parent(&element, 0, &place.host); error != ALLOC_OK) return error;
  const auto* const begin = static_cast<const char*>(place.host.base);
  place.sequence = {.family = family, .begin = begin, .end = begin + place.host.size};
  place.at = static_cast<const char*>(element.base);
  place.removed = element.size;
  return ALLOC_OK;
}

// How far a decoder may look ahead of what it takes.
constexpr std::size_t kLooksAhead = 64;

void find_neighbours(Place& place) {
  const auto offset = static_cast<std::size_t>(place.at - place.sequence.begin);
  Element first{};
  place.before = place.at;
  if (offset != 0 &&
      element_around(place.sequence, place.at - std::min(offset, kLooksAhead), first))
    place.before = first.at;
  place.has_next = decode_element(place.sequence, place.at + place.removed, place.next);
}

// Scratch memory that is given back.
class Scratch {
 public:
  explicit Scratch(std::size_t size) : size_(size == 0 ? 1 : size) {
    memory_ = static_cast<char*>(allocs::self::scratch_memory().take(size_));
  }
  ~Scratch() {
    if (memory_ != nullptr) allocs::self::scratch_memory().give_back(memory_, size_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  char* get() const { return memory_; }

 private:
  std::size_t size_;
  char* memory_;
};

char* append(char* to, const char* from, std::size_t size) {
  if (size != 0) std::memcpy(to, from, size);
  return to + size;
}

// Does the next element of the copy have that size? Steps over it.
bool is_element(const Sequence& copy, const char*& at, std::size_t size) {
  Element element;
  if (!decode_element(copy, at, element) || element.size != size) return false;
  at += size;
  return true;
}

// `put` in place of what is removed: the neighbours stay what they are, and it is one element.
int check(const Place& place, Bytes put) {
  const char* const behind = place.at + place.removed;
  const std::size_t left = static_cast<std::size_t>(place.sequence.end - behind);
  const std::size_t next = place.has_next ? place.next.size : 0;
  const std::size_t shown = left - next < kLooksAhead ? left : next + kLooksAhead;
  const auto before = static_cast<std::size_t>(place.at - place.before);
  const Scratch copy(before + put.size + shown);
  if (copy.get() == nullptr) return ALLOC_E_NO_MEMORY;
  char* end = append(copy.get(), place.before, before);
  end = append(end, put.begin, put.size);
  end = append(end, behind, shown);
  const Sequence changed{.family = place.sequence.family, .begin = copy.get(), .end = end};
  const char* at = copy.get();
  for (const char* old = place.before; old < place.at;) {
    Element element;
    if (!decode_element(place.sequence, old, element) || !is_element(changed, at, element.size))
      return ALLOC_E_INVALID;
    old += element.size;
  }
  const bool is_right = static_cast<std::size_t>(at - copy.get()) == before &&
                        (put.begin == nullptr || is_element(changed, at, put.size)) &&
                        (!place.has_next || is_element(changed, at, next));
  return is_right ? ALLOC_OK : ALLOC_E_INVALID;
}

// ---- by what holds the sequence ----

// Into memory that may be read-only, unless it is a block.
int write(const char* at, Bytes put, bool is_block) {
  if (is_block) return append(const_cast<char*>(at), put.begin, put.size), ALLOC_OK;
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const iovec from{const_cast<char*>(put.begin), put.size}, to{const_cast<char*>(at), put.size};
  const auto process = allocs::raw_syscall(SYS_getpid);
  const auto written =
      allocs::raw_syscall(SYS_process_vm_writev, process.value, &from, 1, &to, 1, 0);
  return written.ok() && static_cast<std::size_t>(written.value) == put.size ? ALLOC_OK
                                                                             : ALLOC_E_REFUSED;
}

int splice_block(const Place& place, Bytes put, unsigned flags, AddressRange& range, char** at) {
  const auto offset = static_cast<std::size_t>(place.at - place.sequence.begin);
  const std::size_t behind = place.host.size - offset - place.removed;
  const std::size_t size = offset + put.size + behind;
  if (size == 0) return ALLOC_E_INVALID;
  auto* base = const_cast<char*>(place.sequence.begin);
  if (size < place.host.size)
    std::memmove(base + offset + put.size, base + offset + place.removed, behind);
  void* resized = nullptr;
  const int error = allocs::preload::resize_block_and_contents(place.host, size, flags, &resized);
  if (error != ALLOC_OK) return error;
  base = static_cast<char*>(resized);
  if (size > place.host.size)
    std::memmove(base + offset + put.size, base + offset + place.removed, behind);
  append(base + offset, put.begin, put.size);
  range = {address_of(base), address_of(base) + size};
  *at = base + offset;
  return ALLOC_OK;
}

int splice_mapping(const Place& place, Bytes put, unsigned flags, AddressRange& range, char** at) {
  auto* const from = const_cast<char*>(place.at);
  void* moved = nullptr;
  const int error = put.size > place.removed
                        ? allocs::preload::insert_in_mapping(
                              place.host, from, put.size - place.removed, flags, &moved, range)
                        : allocs::preload::remove_from_mapping(
                              place.host, from, place.removed - put.size, &moved, range);
  if (error != ALLOC_OK) return error;
  *at = static_cast<char*>(moved);
  append(*at, put.begin, put.size);
  return ALLOC_OK;
}

int change(Place& place, Bytes put, unsigned flags, void** out) {
  find_neighbours(place);
  // The bytes may be in the sequence itself.
  const Scratch kept(put.size);
  if (kept.get() == nullptr) return ALLOC_E_NO_MEMORY;
  append(kept.get(), put.begin, put.size);
  if (put.begin != nullptr) put.begin = kept.get();
  if (const int error = check(place, put); error != ALLOC_OK) return error;
  const Allocator which = allocs::preload::allocator_of(place.host.allocator);
  const allocs::query::Answer host = allocs::preload::answer_of(place.host);
  const bool is_block = allocs::query::is_block(which);
  if (put.size == place.removed) {
    if (const int error = write(place.at, put, is_block); error != ALLOC_OK) return error;
    *out = const_cast<char*>(place.at);
    return ALLOC_OK;
  }
  if (!is_block && which != Allocator::mmap) return allocs::query::traits_of(which).refusal;
  AddressRange range;
  char* at = nullptr;
  allocs::self::PoolEdit edit(host);
  if (edit.error() != ALLOC_OK) return edit.error();
  const int error = is_block ? splice_block(place, put, flags, range, &at)
                             : splice_mapping(place, put, flags, range, &at);
  if (error != ALLOC_OK) return error;
  edit.set_range(range);
  *out = at;
  return ALLOC_OK;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_insert_element(const void* obj, const void* bytes, size_t size,
                                       unsigned flags, void** inserted) {
  if (bytes == nullptr || size == 0 || inserted == nullptr ||
      (flags & ~(unsigned{ALLOC_MAY_MOVE} | unsigned{ALLOC_BEHIND})) != 0)
    return ALLOC_E_INVALID;
  const EditGuard guard;
  Place place;
  if (const int error = find_place(guard, obj, place); error != ALLOC_OK) return error;
  if ((flags & ALLOC_BEHIND) != 0) place.at += place.removed;
  place.removed = 0;
  return change(place, {static_cast<const char*>(bytes), size}, flags & ALLOC_MAY_MOVE, inserted);
}

ALLOCS_EXPORT int alloc_remove_element(const void* obj, unsigned flags, void** remaining) {
  if (remaining == nullptr || flags != 0) return ALLOC_E_INVALID;
  const EditGuard guard;
  Place place;
  if (const int error = find_place(guard, obj, place); error != ALLOC_OK) return error;
  return change(place, {}, 0, remaining);
}

ALLOCS_EXPORT int alloc_replace_element(const void* obj, const void* bytes, size_t size,
                                        unsigned flags, void** replaced) {
  if (bytes == nullptr || size == 0 || replaced == nullptr ||
      (flags & ~unsigned{ALLOC_MAY_MOVE}) != 0)
    return ALLOC_E_INVALID;
  const EditGuard guard;
  Place place;
  if (const int error = find_place(guard, obj, place); error != ALLOC_OK) return error;
  return change(place, {static_cast<const char*>(bytes), size}, flags, replaced);
}

ALLOCS_ELEMENT_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
