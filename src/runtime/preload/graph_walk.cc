// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/graph_walk.h"

#include <algorithm>

#include "runt/address_scan.h"
#include "runt/self.h"
#include "runtime/index/find_block.h"
#include "runtime/preload/reference_place.h"
#include "runtime/preload/roots.h"
#include "runtime/preload/used_pages.h"
#include "runtime/query/query.h"
#include "runtime/query/tls_query.h"
#include "runtime/query/tree.h"
#include "runtime/self/stated_types.h"
#include "runtime/self/statistics.h"

namespace allocs::preload {

namespace {

using query::Answer;
using self::SelfProcess;

// Calls visit(AddressRange) for each piece of memory in which roots lie: writable segments of loaded objects but this one, thread-locals, stacks. Of the
// caller's stack what is above its stack pointer; of those of threads that it has stopped what they use, and their registers; of others' all
// that can be read.
template <typename Visit>
void for_each_root_range(const SelfProcess& process, Address sp, Visit&& visit) {
  const Address own = address_of(static_cast<const void*>(&allocators::g_root));
  index::for_each_module(process.tables(), *process.root(), [&](const index::ModuleRecord& module) {
    const bool is_own = own >= module.begin && own < module.end;
    if (module.state != index::ModuleState::loaded || is_own) return true;
    const auto* headers = reinterpret_cast<const elf::ProgramHeader*>(raw(module.phdrs));
    for (std::uint32_t i = 0; i < module.phdr_count; ++i) {
      if (headers[i].p_type != PT_LOAD || (headers[i].p_flags & PF_W) == 0) continue;
      const Address begin{module.bias + headers[i].p_vaddr};
      visit(AddressRange{begin, begin + headers[i].p_memsz});
    }
    return true;
  });
  bool is_on_known_stack = false;
  const AddressRange unused = unused_below_asker(process, sp);
  index::for_each_thread(process.tables(), *process.root(), [&](const index::ThreadRecord& thread) {
    const Answer stack = process.stack_at(thread.stack_high - 16);
    AddressRange range{thread.stack_low, thread.stack_high};
    if (stack.error == ALLOC_OK) range = stack.range;
    if (range.contains(sp)) {
      if (unused.begin > range.begin) visit(AddressRange{range.begin, unused.begin});
      range.begin = sp;
      is_on_known_stack = true;
    }
    range.begin = std::max(range.begin, lowest_used_by_stopped(process, range));
    visit(range);
    return true;
  });
  if (self::have_stopped_others()) {
    self::for_each_stopped_thread([&](const self::StoppedThread& thread) {
      visit(thread.frame());
      if (!index::thread_with_stack_at(process.tables(), *process.root(), thread.sp())) {
        if (const auto mapping = process.mapping_of(thread.sp()))
          visit(AddressRange{thread.lowest_in_use(), mapping->range.end});
      }
      return true;
    });
  }
  if (!is_on_known_stack) {
    if (const auto mapping = process.mapping_of(sp)) visit(AddressRange{sp, mapping->range.end});
  }
  process.for_each_thread([&](const query::ThreadView& thread, const auto& memory) {
    process.for_each_object([&](const query::Object& object) {
      const AddressRange block = query::tls_block_of(memory, thread, object);
      if (object.tls_module != 0 && block.size() != 0) visit(block);
      return true;
    });
    return true;
  });
}

// The mapping with a stated type that contains `at`.
Answer typed_mapping_at(const SelfProcess& process, Address at) {
  const Answer mapping = query::query_mapping(process, at);
  const bool is_one = mapping.error == ALLOC_OK && mapping.allocator == query::Allocator::mmap &&
                      mapping.type != nullptr;
  return is_one ? mapping : Answer{};
}

// Is it surely nothing but numbers, whatever lies in it?
bool holds_only_numbers(const Answer& node) {
  const bool is_sure = node.type != nullptr && node.type_grade >= ALLOC_GRADE_STRONG &&
                       (node.evidence & ALLOC_EV_VIRTUAL_TABLE) == 0;
  if (!is_sure || self::g_statistics.takes_long_road()) return false;
  const auto& whole = types::record_of(*node.type);
  const uniqtype* const number =
      whole.kind == types::Kind::array ? node.type->related[0].un.t.ptr : nullptr;
  if (number == nullptr) return false;
  const auto& each = types::record_of(*number);
  const bool fills =
      whole.count == types::kUnbounded || whole.size + sizeof(void*) > node.range.size();
  return fills && each.kind == types::Kind::base && each.size > 1;
}

// Calls visit(AddressRange) for the parts of the node that may hold something, until it returns false.
template <typename Visit>
void for_each_used_part(const Answer& node, Visit&& visit) {
  if (query::is_block(node.allocator)) {
    visit(node.range);
    return;
  }
  const runt::MappingAnswer mapping = runt::self::mapping_of(node.range.begin);
  if (mapping.certainty == Certainty::known) for_each_used_run(UsedPages(), mapping.mapping, visit);
}

}  // namespace

Answer node_at(const SelfProcess& process, Address at) {
  const Answer block = query::query_heap(process, at);
  return block.error == ALLOC_E_NOTHING_THERE ? typed_mapping_at(process, at) : block;
}

GraphWalk::GraphWalk(const SelfProcess& asker)
    : process_(asker, kept_), registers_(registers_of_asker(process_)) {
  std::uint64_t blocks = 0;
  const auto widen = [&](Address begin, std::uint64_t size) {
    lowest_ = std::min(lowest_, raw(begin));
    highest_ = std::max(highest_, raw(begin) + (size == 0 ? 0 : size - 1));
  };
  preload::for_each_block(process_, [&](const index::Block& block) {
    ++blocks;
    widen(block.base, block.size);
    return true;
  });
  const std::uint64_t stated = self::count_stated_mappings();
  // The heap may grow by a quarter meanwhile.
  const std::uint64_t capacity = blocks + blocks / 4 + stated + 1024;
  const std::uint64_t slots = ReachedNodes::slots_for(capacity);
  memory_.emplace(OwnScratch::room_for<std::byte>(runt::AddressScan::kBuffer) +
                  OwnScratch::room_for<AddressRange>(stated) +
                  OwnScratch::room_for<Reached>(capacity) +
                  OwnScratch::room_for<std::uint32_t>(slots));
  if (!memory_->is_there()) return;
  buffer_ = memory_->carve<std::byte>(runt::AddressScan::kBuffer);
  auto* const ranges = memory_->carve<AddressRange>(stated);
  auto* const list = memory_->carve<Reached>(capacity);
  reached_ = ReachedNodes(list, capacity, memory_->carve<std::uint32_t>(slots));
  std::uint64_t mappings = 0;
  self::for_each_stated_mapping([&](const self::MappingIdentity& identity) {
    if (mappings == stated) return false;  // more were made meanwhile
    const Answer mapping = typed_mapping_at(process_, identity.begin);
    if (mapping.error == ALLOC_OK && mapping.range.begin == identity.begin) {
      ranges[mappings++] = mapping.range;
      widen(mapping.range.begin, mapping.range.size());
    }
    return true;
  });
  mappings_ = {ranges, mappings};
  std::sort(mappings_.begin(), mappings_.end(),
            [](const AddressRange& a, const AddressRange& b) { return a.begin < b.begin; });
}

Address GraphWalk::find_node(Address at) const {
  index::Block block;
  if (index::find_block(process_.tables(), *process_.root(), at, block))
    return block.state == index::BlockState::known ? block.base : Address{};
  const auto above =
      std::upper_bound(mappings_.begin(), mappings_.end(), at,
                       [](Address a, const AddressRange& mapping) { return a < mapping.begin; });
  if (above == mappings_.begin() || !(above - 1)->contains(at)) return Address{};
  return (above - 1)->begin;
}

bool GraphWalk::consider(std::uint64_t value, Reached how, bool is_root) {
  how.node = find_node(Address{value});
  if (how.node == Address{} || reached_.has(how.node)) return true;
  const bool is_word = raw(how.at) % sizeof(void*) == 0;
  // Roots are taken for what they may be.
  if (!(is_root && is_word) && !look_at_reference(process_, how.at).refers(how.at)) return true;
  return reached_.add(how);
}

bool GraphWalk::add_roots() {
  bool has_room = true;
  for (unsigned i = 0; i < elf::kRegisterCount; ++i) {
    if (registers_.has(i)) has_room = has_room && consider(registers_.value[i], {}, true);
  }
  runt::AddressScan scan(lowest_, highest_, buffer_);
  for_each_root_range(process_, registers_.sp(), [&](AddressRange range) {
    if (!has_room) return;
    scan.run(range, [&](Address at, std::uint64_t value) {
      return has_room = consider(value, {.at = at}, true);
    });
  });
  return has_room;
}

bool GraphWalk::follow(const Answer& node, std::uint64_t i) {
  if (holds_only_numbers(node)) return true;
  const auto from = static_cast<std::uint32_t>(i + 1);
  const std::uint32_t distance = reached_[i].distance + 1;
  bool has_room = true;
  runt::AddressScan scan(lowest_, highest_, buffer_);
  for_each_used_part(node, [&](AddressRange part) {
    return scan.run(part, [&](Address at, std::uint64_t value) {
      return has_room = consider(value, {.at = at, .from = from, .distance = distance}, false);
    });
  });
  return has_room;
}

}  // namespace allocs::preload
