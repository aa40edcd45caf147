// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>

#include "runt/unwind.h"
#include "runtime/query/computed_variable.h"
#include "runtime/query/frame_layout.h"
#include "runtime/query/object.h"
#include "types/alloca_record.h"

// Blocks of alloca: the records that compiled code left in the frame (types/alloca_record.h).
//
// Nothing in a frame is believed as it stands. The head may not have been written yet, or a longjmp may have passed the code that would
// have shortened the chain. So a record counts only if it lies, with its block, between the stack pointer and the variables
// of fixed place; each further one behind the block before it; and if the code that it names is the function's, whose frame it is. What an
// older activation left is below the stack pointer, or behind a record of now. Where two chains of a frame (one is an
// inlined function's) have a block at one place, one is of the past, and neither counts.
namespace allocs::query {

struct AllocaBlock {
  AddressRange range{};
  Address site{};
  Address type{};  // of the constant that stands for it; Address{0}: none
};

// Whether code at `site` is the function's, in whichever of its pieces. Context: signal.
inline bool is_code_of(const Object& object, const types::FunctionRecord& function, Address site) {
  if (!object.range.contains(site)) return false;
  const types::FunctionRecord* found = object.image->find_function(raw(object.link_address(site)));
  return found != nullptr &&
         (found == &function || (found->name == function.name && found->unit == function.unit));
}

// The block that contains `at`, of the chain whose head is the word at `head`; records and blocks lie in `room`. Context: signal,
// if the memory's view() is.
template <Memory M, typename IsSite>
std::optional<AllocaBlock> block_in_chain(const M& memory, Address head, AddressRange room,
                                          Address at, IsSite&& is_site) {
  std::uint64_t next = 0;
  const std::byte* const word = memory.view(head, sizeof next);
  if (word == nullptr) return std::nullopt;
  std::memcpy(&next, word, sizeof next);
  Address lowest = room.begin;
  std::optional<Address> last_site;
  while (next != 0) {
    const Address place{next};
    if (next % types::kAllocaAlignment != 0 || place < lowest || place >= room.end) break;
    types::AllocaRecord record;
    const bool has_room = room.end - place >= sizeof record;
    const std::byte* const bytes = has_room ? memory.view(place, sizeof record) : nullptr;
    if (bytes == nullptr) break;
    std::memcpy(&record, bytes, sizeof record);
    const Address block = place + sizeof record;
    if (at < block || record.size > room.end - block) break;
    if (Address{record.site} != last_site && !is_site(Address{record.site})) break;
    last_site = Address{record.site};
    lowest = block + record.size;
    if (at < lowest) return AllocaBlock{{block, lowest}, *last_site, Address{record.type}};
    next = record.next;
  }
  return std::nullopt;
}

// The block of alloca in the activation that contains `at`; `room` is where such blocks may be, as far as the caller knows.
// Context: signal, if the memory's view() is.
template <Memory M>
std::optional<AllocaBlock> alloca_block_at(const Activation<M>& activation, const Object& object,
                                           const types::FunctionRecord& function, std::uint64_t pc,
                                           AddressRange room, Address at) {
  const FrameMemory<M> memory(activation);
  std::optional<AllocaBlock> found;
  for (const types::VariableRecord& variable : variables_of(*object.image, function)) {
    if ((variable.flags & types::kVariableAllocaHead) == 0) continue;
    ByteReader reader = reader_of_locations(*object.image, variable);
    const auto head = begin_of(activation, *object.image, function, pc, reader,
                               [](const LocationEntry&) { return true; });
    if (!head) continue;
    const AddressRange below{room.begin, std::min(room.end, Address{*head})};
    if (!below.contains(at)) continue;
    const auto block = block_in_chain(memory, Address{*head}, below, at, [&](Address site) {
      return is_code_of(object, function, site);
    });
    if (block && found) return std::nullopt;
    if (block) found = block;
  }
  return found;
}

}  // namespace allocs::query
