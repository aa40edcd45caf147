// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "runtime/index/walk_blocks.h"
#include "runtime/query/query.h"

// The tree of allocations, one step at a time: from an allocation to the one in it that contains an address, and to the next one in it.
//
//   everything
//     mmap [0x7f00..)                one object's segments are one reservation; own memory of the run time is cut off
//       static-file - static-segment - static-section - static - static in it
//     mmap [heap] - brk - block of malloc - thread-local block that the loader took there - thread-local
//     mmap [stack] - stack - stackframe - variable-length array, block of alloca
//                  - auxv - argv, envp, ...
//     mmap - stack of a thread - frames, and its block of thread-locals
//
// query() finds the leaf at once, by asking who is likeliest first; here each level is asked for what is directly below it. An allocation
// lies wholly in its parent; where the program has cut a mapping by mprotect within one, see whole_mapping.h.
// A mapping that cannot be asked for, because the kernel must not be, is left out: what lies in it hangs at the root.
namespace allocs::query {

inline constexpr unsigned kDeepestTree = 24;

// The parent of what has none: all addresses.
inline Answer root_of_tree() {
  Answer root;
  root.error = ALLOC_OK;
  root.type_error = ALLOC_E_NO_TYPE;
  root.range = {Address{}, kEndOfUserAddresses};
  return root;
}
inline bool is_same(const Answer& a, const Answer& b) {
  return a.allocator == b.allocator && a.range == b.range && a.owner == b.owner;
}
inline bool is_block(Allocator who) {
  return who == Allocator::lib_malloc || who == Allocator::program_malloc;
}
// Whose insides may hold thread-locals, stacks and the like.
inline bool is_memory(Allocator who) {
  return who == Allocator::none || who == Allocator::mmap || who == Allocator::brk ||
         who == Allocator::stack || who == Allocator::ld_so_malloc || is_block(who);
}

// ---- what is directly below ----

template <Process P>
Answer mapping_at(const P& process, const MappingView& mapping, Address at) {
  AddressRange range = mapping.range;
  if (const Answer own = process.query_own(at); own.error == ALLOC_OK) {
    range = {std::max(range.begin, own.range.begin), std::min(range.end, own.range.end)};
  } else if (*mapping.name == '\0') {
    range = without_own_ranges(process, range, at);
  }
  Answer answer = Answer::of(Allocator::mmap, range, ALLOC_EV_KERNEL);
  if (*mapping.name != '\0') answer.name = mapping.name;
  set_stated_type(process, mapping, answer);
  return answer;
}

// The part of a frame, when the leaf is something in it. Of a block of alloca the record in front of it is a part of the frame itself.
template <Process P>
Answer frame_around(const P& process, const Answer& leaf) {
  if (leaf.allocator == Allocator::frame_alloca) return process.query_stacks(leaf.range.begin - 1);
  if (leaf.variable == nullptr) return leaf;
  Answer frame = leaf;
  frame.range = leaf.frame();
  frame.variable = nullptr;
  frame.rows = {};
  frame.set_no_type(ALLOC_E_NO_TYPE);
  return frame;
}

// Among what may lie anywhere in memory: blocks, frames, thread-locals; and, in a mapping, stacks and the run time's own.
template <Process P>
Answer child_in_memory(const P& process, const Answer& parent, Address at) {
  const bool is_outermost =
      parent.allocator == Allocator::none || parent.allocator == Allocator::mmap;
  if (is_outermost) {
    if (const InitialStack* initial = process.initial_stack();
        initial != nullptr && at >= initial->argc && at < initial->end) {
      return Answer::of(Allocator::auxv, {initial->argc, initial->end}, ALLOC_EV_KERNEL);
    }
  }
  if (!is_block(parent.allocator)) {
    if (const Answer block = query_heap(process, at); block.error != ALLOC_E_NOTHING_THERE)
      return block;
  }
  if (is_outermost) {
    if (const Answer stack = process.stack_at(at); stack.error == ALLOC_OK) return stack;
    if (const Answer own = process.query_own(at); own.error == ALLOC_OK) return own;
    const std::string_view name(parent.name == nullptr ? "" : parent.name);
    if (parent.allocator == Allocator::mmap && begins_with(name, "[stack")) {
      const InitialStack* initial = process.initial_stack();
      AddressRange range = parent.range;
      if (initial != nullptr && range.contains(initial->argc)) range.end = initial->argc;
      return Answer::of(Allocator::stack, range, ALLOC_EV_KERNEL);
    }
    if (parent.allocator == Allocator::mmap) {
      const AddressRange pool = process.ld_so_pool(
          {.range = parent.range, .name = name.data() == nullptr ? "" : name.data()});
      if (pool.contains(at)) return Answer::of(Allocator::ld_so_malloc, pool, ALLOC_EV_KERNEL);
    }
  }
  if (parent.allocator == Allocator::stack || process.may_hold_frames(parent.range)) {
    const Answer leaf = process.query_stacks(at);
    if (leaf.error == ALLOC_OK && is_of_frame(leaf.allocator)) return frame_around(process, leaf);
  }
  if (!is_memory(parent.allocator)) return {};
  if (is_block(parent.allocator) && !query_heap(process, parent.range.begin).is_by_loader)
    return {};
  return query_tls_afresh(process, at, parent.thread, TlsLevel::block);
}

// The outermost record of `which` around the innermost one at `at` that lies in a record like `inside`; without `inside`, in none. Of two that share bytes the one that begins last has them.
inline const types::StaticRecord* record_below(const types::Image& image, types::Table which,
                                               std::uint64_t at, const AddressRange* inside) {
  const types::StaticRecord* found =
      which == types::Table::tls ? image.find_tls(at) : image.find_static(at);
  const types::StaticRecord* below = nullptr;
  for (; found != nullptr; found = image.containing(which, *found)) {
    const bool is_parent =
        inside != nullptr && found->address == raw(inside->begin) && found->size == inside->size();
    if (is_parent) return below;
    below = found;
  }
  return inside == nullptr ? below : nullptr;
}

template <Process P>
Answer child_in_object(const P& process, const Answer& parent, const Object& object, Address at) {
  const Allocator level = parent.allocator;
  if (level == Allocator::static_file) {
    Answer segment = answer_from_segment_of(object, at);
    if (segment.error != ALLOC_OK && object.is_loader)
      segment =
          Answer::of(Allocator::ld_so_malloc, between_segments(object, at), ALLOC_EV_LINK_MAP);
    return segment;
  }
  if (level == Allocator::static_segment && object.image) {
    Answer section =
        answer_from_region(object, types::Table::sections, Allocator::static_section, at);
    if (section.error == ALLOC_OK) return section;
  }
  if (!object.image) {
    return answer_from_symbols_in(object, parent.range, at);
  }
  const bool is_symbol = level == Allocator::static_symbol;
  const AddressRange inside{Address{raw(object.link_address(parent.range.begin))},
                            Address{raw(object.link_address(parent.range.end))}};
  const types::StaticRecord* record =
      record_below(*object.image, types::Table::statics, raw(object.link_address(at)),
                   is_symbol ? &inside : nullptr);
  return record == nullptr ? Answer{} : answer_from_static(process.types(), object, *record);
}

template <Process P>
Answer built_in_child_at(const P& process, const Answer& parent, Address at) {
  Answer child;
  switch (parent.allocator) {
    case Allocator::none:
      if (const Object* object = process.find_object(at)) {
        child = Answer::of(Allocator::mmap, object->range, ALLOC_EV_LINK_MAP);
        child.name = object->path;
        return child;
      }
      if (const auto mapping = process.mapping_of(at)) {
        if (process.may_be_object(at)) return Answer::cannot_tell(ALLOC_E_NOT_YET);
        return mapping_at(process, whole_mapping(process, *mapping), at);
      }
      return process.knows_mappings() ? Answer{} : child_in_memory(process, parent, at);
    case Allocator::mmap:
      if (const Object* object = process.find_object(at)) return answer_from_file(*object);
      if (parent.name != nullptr && std::string_view(parent.name) == "[heap]") {
        child = Answer::of(Allocator::brk, parent.range, ALLOC_EV_KERNEL);
        child.name = parent.name;
        return child;
      }
      return child_in_memory(process, parent, at);
    case Allocator::static_file:
    case Allocator::static_segment:
    case Allocator::static_section:
    case Allocator::static_symbol:
      if (const Object* object = process.find_object(at))
        child = child_in_object(process, parent, *object, at);
      return child.error == ALLOC_OK ? child : child_in_memory(process, parent, at);
    case Allocator::tls_block:
      child = query_tls(process, at, parent.thread);
      return child.allocator == Allocator::tls_symbol ? child : Answer{};
    case Allocator::auxv: {
      const InitialStack* initial = process.initial_stack();
      const bool is_whole = initial != nullptr && parent.range.begin == initial->argc &&
                            parent.range.end == initial->end;
      return is_whole ? query_auxv(process, *initial, at) : Answer{};
    }
    case Allocator::stackframe:
      child = process.query_stacks(at);
      return child.lies_in_frame() && child.frame() == parent.range ? child : Answer{};
    case Allocator::frame_alloca:
    case Allocator::tls_symbol:
    case Allocator::own:
    case Allocator::registered:
    case Allocator::count_:
      return {};
    default:
      return child_in_memory(process, parent, at);
  }
}

// The allocation directly in `parent` that contains `at`. "Nothing there": that part of it is free, or its own.
// Context: signal if the process may not wait.
template <Process P>
Answer child_at(const P& process, const Answer& parent, Address at) {
  if (!parent.range.contains(at)) return {};
  const Answer child = built_in_child_at(process, parent, at);
  const bool is_found = child.error == ALLOC_OK && !is_same(child, parent);
  return is_found ? child : process.nested_at(parent, at);
}

// ---- all the way down, and one up ----

// Calls visit(const Answer&) for each allocation that contains `at`, outermost first, until it returns false.
// Context: as child_at().
template <Process P, typename Visit>
void descend(const P& process, Address at, Visit&& visit) {
  Answer node = root_of_tree();
  for (unsigned depth = 0; depth < kDeepestTree; ++depth) {
    const Answer child = child_at(process, node, at);
    if (child.error != ALLOC_OK || !visit(child)) return;
    node = child;
  }
}

// The one that `node` lies directly in, and how many contain it. The root, if that is none; an error, if `node` is no longer there.
template <Process P>
Answer parent_of(const P& process, const Answer& node, unsigned& depth) {
  Answer parent = root_of_tree();
  bool is_found = false;
  depth = 0;
  descend(process, node.range.begin, [&](const Answer& each) {
    is_found = is_same(each, node);
    if (!is_found) {
      parent = each;
      ++depth;
    }
    return !is_found;
  });
  return is_found ? parent : Answer::cannot_tell(ALLOC_E_NOTHING_THERE);
}

}  // namespace allocs::query
