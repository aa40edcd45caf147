// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/answer.h"
#include "runtime/query/process.h"

// Thread-locals. Each thread has a vector (glibc calls it dtv) with the address of its block for every module that has
// thread-locals, or ~0 while it has none; the vector hangs at the thread pointer. The offset in the block is what the metadata is
// searched with, so one look-up serves all threads.
namespace allocs::query {

inline constexpr std::uint64_t kDtvOffset = 8;  // in the thread control block
inline constexpr std::uint64_t kDtvEntrySize = 16;
inline constexpr std::uint64_t kUnallocatedBlock = ~std::uint64_t{0};

// The block of `object` in the thread, or an empty range.
template <Memory M>
AddressRange tls_block_of(const M& memory, const ThreadView& thread, const Object& object) {
  const auto vector = load<std::uint64_t>(memory, thread.thread_pointer + kDtvOffset);
  if (!vector || *vector == 0) return {};
  // The word before the first entry says how many entries there is room for.
  const auto room = load<std::uint64_t>(memory, Address{*vector} - kDtvEntrySize);
  if (!room || object.tls_module > *room) return {};
  const auto block =
      load<std::uint64_t>(memory, Address{*vector} + object.tls_module * kDtvEntrySize);
  if (!block || *block == 0 || *block == kUnallocatedBlock) return {};
  return {Address{*block}, Address{*block} + object.tls_size};
}

enum class TlsLevel : std::uint8_t { block, symbol };

inline Answer answer_from_tls_block(const TypeMaker& types, const Object& object,
                                    const ThreadView& thread, AddressRange block, Address at,
                                    TlsLevel level) {
  Answer answer =
      Answer::of(Allocator::tls_block, block, ALLOC_EV_LINK_MAP | ALLOC_EV_THREAD_TABLE);
  answer.thread = thread.id;
  answer.name = object.path;
  if (!object.image) {
    answer.set_no_type(object.image_error);
    return answer;
  }
  if (level == TlsLevel::block) return answer;
  const types::StaticRecord* record = object.image->find_tls(at - block.begin);
  if (record == nullptr) return answer;
  const Address begin = block.begin + record->address;
  answer.allocator = Allocator::tls_symbol;
  answer.range = {begin, begin + record->size};
  answer.name = object.image->text(record->name);
  const bool symbol_only = (record->flags & types::kStaticFromSymbolOnly) != 0;
  answer.evidence |= symbol_only ? ALLOC_EV_ELF_SYMBOL : ALLOC_EV_DEBUG_INFORMATION;
  if (record->type == types::kNoType) {
    answer.set_no_type(ALLOC_E_NO_TYPE);
  } else if (uniqtype* type = types.type(object, record->type)) {
    answer.set_type(type, ALLOC_GRADE_EXACT);
  } else {
    answer.set_no_type(types.may_make ? ALLOC_E_NO_MEMORY : ALLOC_E_NOT_YET);
  }
  return answer;
}

// Context: signal, if the process's iteration is.
template <Process P, Memory M>
Answer query_tls_of(const P& process, const M& memory, const ThreadView& thread, Address at,
                    TlsLevel level) {
  Answer answer;
  process.for_each_object([&](const Object& object) {
    if (object.tls_module == 0) return true;
    const AddressRange block = tls_block_of(memory, thread, object);
    if (!block.contains(at)) return true;
    // Only now is the metadata wanted.
    const Object* with_metadata = process.find_object(object.range.begin);
    answer =
        answer_from_tls_block(process.types(), with_metadata == nullptr ? object : *with_metadata,
                              thread, block, at, level);
    return false;
  });
  return answer;
}

// Of all threads, or of the one on whose stack `at` is known to lie: reading the others' vectors takes system calls for each. The
// variable, or the block of all that an object has in the thread.
template <Process P>
Answer query_tls(const P& process, Address at, int only_thread = 0,
                 TlsLevel level = TlsLevel::symbol) {
  Answer answer;
  process.for_each_thread([&](const ThreadView& thread, const auto& memory) {
    if (only_thread != 0 && thread.id != 0 && thread.id != only_thread) return true;
    answer = query_tls_of(process, memory, thread, at, level);
    return answer.error != ALLOC_OK;
  });
  return answer;
}

// The same; an object that was opened lately may not be known yet.
template <Process P>
Answer query_tls_afresh(const P& process, Address at, int only_thread = 0,
                        TlsLevel level = TlsLevel::symbol) {
  Answer answer = query_tls(process, at, only_thread, level);
  if (answer.error != ALLOC_OK && process.finds_new_objects())
    answer = query_tls(process, at, only_thread, level);
  return answer;
}

}  // namespace allocs::query
