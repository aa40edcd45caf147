// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include "types/uniqtype_record.h"

namespace allocs::types {

// Where uniqtypes live: memory that is never given back. `allocate` returns zeroed, 16-aligned memory or nullptr, from any thread.
struct TypeMemory {
  void* (*allocate)(std::size_t size) = nullptr;
};

// Everything about a type except what it refers to. The texts are copied.
struct TypeDraft {
  Hash128 hash;
  Kind kind = Kind::void_;
  std::uint8_t detail = 0;
  std::uint8_t flags = 0;
  std::uint8_t align_log2 = 0;
  std::uint16_t bit_size = 0;
  std::uint16_t bit_offset = 0;
  std::uint32_t line = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::string_view name{};
  std::string_view human_name{};
  std::string_view file{};
};

// One member or enumerator of a draft.
struct DraftMember {
  std::string_view name{};
  std::string_view alias{};
  std::uint64_t offset = 0;
  std::uint8_t flags = 0;
  std::int64_t value = 0;  // of an enumerator
};

// Gives member `index` of the draft that it belongs to.
using MemberSource = DraftMember (*)(const void* context, std::uint64_t index);

// One uniqtype per content hash. Insert-only: the records themselves are a tree. The low half of a hash says at which root to
// begin, two bits after two of the high half say which way to go on; a record is found on the way or goes in at its end by
// compare-exchange, and is never moved. So the first query of a process touches no table for types that it does not ask for.
// Constant-initialised; until open() it finds nothing and makes nothing.
class Interner {
 public:
  constexpr Interner() = default;

  // May be done again, by several threads at once, with the same memory.
  void open(TypeMemory memory) {
    __atomic_store_n(&memory_.allocate, memory.allocate, __ATOMIC_RELAXED);
  }
  bool is_open() const { return __atomic_load_n(&memory_.allocate, __ATOMIC_RELAXED) != nullptr; }

  // Context: signal.
  uniqtype_record* find(const Hash128& hash) const;

  // The record of that hash, made from the draft if there is none. Its `related` pointers may still be empty. nullptr if memory
  // runs out, or if the record that is there is not of the draft's shape (a damaged image). Context: query.
  uniqtype_record* find_or_make(const TypeDraft& draft, MemberSource members = nullptr,
                                const void* context = nullptr);

  // Context: signal. A type of that canonical name, rather one that is known whole than one that is only declared.
  uniqtype* find_by_name(std::string_view name) const;

  std::size_t bytes_used() const { return bytes_used_.load(std::memory_order_relaxed); }

 private:
  using Place = std::atomic<uniqtype_record*>;
  static constexpr std::size_t kRoots = 512;  // a page

  uniqtype_record* make(const TypeDraft& draft, MemberSource members, const void* context);
  static bool has_shape(const uniqtype_record& record, const TypeDraft& draft);

  TypeMemory memory_{};
  std::atomic<std::size_t> bytes_used_{0};
  Place newest_{nullptr};
  std::array<Place, kRoots> roots_{};
};

// How many slots of `related` a type of that kind has; at least 1.
std::uint64_t related_slots(Kind kind, std::uint64_t count);

}  // namespace allocs::types
