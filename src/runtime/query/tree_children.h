// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/tree.h"

// The children of an allocation, by address, without memory for any of them: the cursor is a place in the parent, from which each kind of
// allocator tells where something may begin next; what begins there is child_at()'s business.
namespace allocs::query {

struct ChildCursor {
  Answer parent{};
  Address next{};     // what lies below has been told
  Address special{};  // where the next thing begins that is dear to look for; 0: look
};

// Then the next one may begin within it.
inline bool shares_bytes(const Answer& answer) {
  return (answer.evidence & ALLOC_EV_SHARED_BYTES) != 0;
}

namespace children {

inline void take_less(Address candidate, Address from, Address& best) {
  if (candidate >= from && candidate < best) best = candidate;
}

// Stacks, the run time's own memory, thread-locals.
template <Process P>
Address first_special(const P& process, const Answer& parent, Address from) {
  Address best = parent.range.end;
  const bool is_outermost = parent.allocator == Allocator::mmap;
  if (is_outermost) {
    if (const InitialStack* initial = process.initial_stack()) take_less(initial->argc, from, best);
    const AddressRange pool = process.ld_so_pool(
        {.range = parent.range, .name = parent.name == nullptr ? "" : parent.name});
    if (pool.size() != 0) take_less(pool.begin, from, best);
    if (process.root() != nullptr) {
      index::for_each_own_range(process.tables(), *process.root(),
                                [&](AddressRange own) { take_less(own.begin, from, best); });
      index::for_each_thread(process.tables(), *process.root(),
                             [&](const index::ThreadRecord& thread) {
                               take_less(thread.stack_low, from, best);
                               return true;
                             });
    }
  }
  const bool may_hold_tls = is_block(parent.allocator)
                                ? query_heap(process, parent.range.begin).is_by_loader
                                : is_memory(parent.allocator);
  if (!may_hold_tls) return best;
  process.for_each_thread([&](const ThreadView& thread, const auto& memory) {
    process.for_each_object([&](const Object& object) {
      if (object.tls_module != 0) take_less(tls_block_of(memory, thread, object).begin, from, best);
      return true;
    });
    return true;
  });
  return best;
}

inline void take_record(const types::Image& image, types::Table which, Address zero, Address from,
                        Address& best) {
  if (const auto* record = image.first_static_from(which, from - zero))
    take_less(zero + record->address, from, best);
}

// Segments, sections, variables and functions.
inline void first_in_object(const Object& object, const Answer& parent, Address from,
                            Address& best) {
  const Address zero = LinkAddress{} + object.bias;
  if (parent.allocator == Allocator::static_file) {
    for_each_segment(object, [&](AddressRange segment) {
      take_less(segment.begin, from, best);
      take_less(segment.end, from, best);
    });
  } else if (object.image) {
    if (parent.allocator == Allocator::static_segment) {
      const auto* section = object.image->first_region_from(types::Table::sections, from - zero);
      if (section != nullptr) take_less(zero + section->address, from, best);
    }
    take_record(*object.image, types::Table::statics, zero, from, best);
  } else {
    const elf::SymbolTable symbols(object.file);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const elf::SymbolRecord symbol = symbols[i];
      if (symbol.is_defined() && symbol.type != STT_TLS)
        take_less(symbol.value + object.bias, from, best);
    }
  }
}

template <Process P>
void first_thread_local(const P& process, const Answer& parent, Address from, Address& best) {
  process.for_each_thread([&](const ThreadView& thread, const auto& memory) {
    process.for_each_object([&](const Object& object) {
      if (object.tls_module == 0) return true;
      if (tls_block_of(memory, thread, object) != parent.range) return true;
      const Object* known = process.find_object(object.range.begin);
      if (known != nullptr && known->image)
        take_record(*known->image, types::Table::tls, parent.range.begin, from, best);
      return true;
    });
    return true;
  });
}

// At or above `from`, where a child of the parent may begin; the parent's end if none can.
template <Process P>
Address first_start(const P& process, ChildCursor& cursor, Address from) {
  const Answer& parent = cursor.parent;
  if (from == parent.range.begin && parent.allocator != Allocator::none) return from;
  Address best = parent.range.end;
  switch (parent.allocator) {
    case Allocator::none: {
      if (process.find_object(from) != nullptr) return from;
      const auto mapping = process.mapping_from(from);
      return mapping ? std::max(from, mapping->range.begin) : best;
    }
    case Allocator::static_file:
    case Allocator::static_segment:
    case Allocator::static_section:
    case Allocator::static_symbol:
      if (const Object* object = process.find_object(parent.range.begin))
        first_in_object(*object, parent, from, best);
      break;
    case Allocator::tls_block:
      first_thread_local(process, parent, from, best);
      return best;
    case Allocator::auxv:
      if (const InitialStack* initial = process.initial_stack()) {
        for (const Address piece : {initial->argc, initial->arguments, initial->environment,
                                    initial->auxiliary, std::max(from, initial->strings)})
          take_less(piece, from, best);
      }
      return best;
    case Allocator::stackframe:
      return process.query_stacks(parent.range.begin).has_parts ? from : best;
    case Allocator::registered:
      return best;  // nothing but what its own allocator hands out
    default:
      break;
  }
  if (is_memory(parent.allocator)) {
    if (cursor.special < from || cursor.special == Address{})
      cursor.special = first_special(process, parent, from);
    take_less(cursor.special, from, best);
  }
  if (!is_block(parent.allocator) && process.root() != nullptr) {
    if (const auto block = index::first_block_in(process.tables(), *process.root(), from, best))
      best = block->base;
  }
  take_less(std::max(from, process.lowest_frame_in(parent.range)), from, best);
  return best;
}

}  // namespace children

inline ChildCursor children_of(const Answer& parent) {
  return {.parent = parent, .next = parent.range.begin};
}

// The next child, by address; "nothing there" behind the last one. Only those that begin in the parent: see tree.h. The frames of a stack
// are told as far as the asker's stack can be unwound, and cost a walk each where none is kept.
// Context: signal if the process may not wait; without mappings everything has no children that could be listed.
template <Process P>
Answer next_child(const P& process, ChildCursor& cursor) {
  constexpr std::uint64_t kFrameAlignment = 8;
  const Answer& parent = cursor.parent;
  while (cursor.next < parent.range.end) {
    Answer nested = process.nested_from(parent, cursor.next);
    const Address start = children::first_start(process, cursor, cursor.next);
    if (nested.error == ALLOC_OK && nested.range.begin < start) {
      cursor.next = std::max(nested.range.end, nested.range.begin + 1);
      return nested;
    }
    if (start >= parent.range.end) break;
    const Answer child = child_at(process, parent, start);
    if (child.error == ALLOC_OK && child.range.begin >= cursor.next &&
        child.range.end > cursor.next) {
      cursor.next = shares_bytes(child) ? child.range.begin + 1 : child.range.end;
      return child;
    }
    cursor.next = start + 1;
    if (child.error == ALLOC_OK && !shares_bytes(child)) {
      cursor.next = std::max(cursor.next, child.range.end);
    } else if (parent.allocator == Allocator::none) {
      // A mapping of which nothing can be told just now: one of an object that is on its way out, or has come meanwhile.
      const auto mapping = process.mapping_from(start);
      if (mapping) cursor.next = std::max(cursor.next, mapping->range.end);
      continue;
    }
    if (start >= process.lowest_frame_in(parent.range))
      cursor.next = Address{(raw(start) + kFrameAlignment) & ~(kFrameAlignment - 1)};
    if (parent.allocator == Allocator::stack &&
        process.query_stacks(start).error == ALLOC_E_NO_UNWIND)
      break;
  }
  cursor.next = parent.range.end;
  return {};
}

}  // namespace allocs::query
