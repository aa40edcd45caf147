// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/text.h"
#include "runtime/query/auxv_query.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/static_query.h"
#include "runtime/query/tls_query.h"
#include "runtime/query/whole_mapping.h"

// From an address to the innermost allocation that contains it: the one list of who is asked, in which order.
namespace allocs::query {

// May blocks of malloc be there that the index does not have? Then "the heap" or "a mapping" would be half the truth.
inline bool may_hold_unindexed_blocks(const index::Root* root, Allocator where,
                                      std::string_view name) {
  if (root == nullptr || (where != Allocator::brk && !(where == Allocator::mmap && name.empty())))
    return false;
  return root->malloc_kind == index::MallocKind::bypassed ||
         root->counters.blocks_without_leaf != 0 || root->counters.blocks_misaligned != 0;
}

// Under the name of the malloc whose block it may be.
inline Answer unindexed(const index::Root& root) {
  Answer answer = Answer::cannot_tell(ALLOC_E_UNINDEXED);
  answer.allocator = root.malloc_kind == index::MallocKind::libc ? Allocator::lib_malloc
                                                                 : Allocator::program_malloc;
  return answer;
}

// The kernel joins neighbouring anonymous mappings; those of the run time itself are known, and are cut off.
template <Process P>
AddressRange without_own_ranges(const P& process, AddressRange range, Address at) {
  if (process.root() == nullptr) return range;
  index::for_each_own_range(process.tables(), *process.root(), [&](AddressRange own) {
    if (own.end <= at && own.end > range.begin) range.begin = own.end;
    if (own.begin > at && own.begin < range.end) range.end = own.begin;
  });
  return range;
}

template <Process P>
void set_stated_type(const P& process, const MappingView& mapping, Answer& answer) {
  if (answer.allocator != Allocator::mmap || mapping.inode == 0) return;
  uniqtype* const type = process.type_of_mapping(mapping);
  if (type == nullptr) return;
  answer.set_type(type, ALLOC_GRADE_EXACT);
  answer.evidence |= ALLOC_EV_STATED;
}

template <Process P>
Answer query_mapping(const P& process, Address at) {
  auto mapping = process.mapping_of(at);
  if (!mapping)
    return Answer::cannot_tell(process.knows_mappings() ? ALLOC_E_NOTHING_THERE : ALLOC_E_NOT_YET);
  mapping = whole_mapping(process, *mapping);
  const std::string_view name(mapping->name);
  const AddressRange pool = process.ld_so_pool(*mapping);
  const Allocator who = name == "[heap]"              ? Allocator::brk
                        : begins_with(name, "[stack") ? Allocator::stack
                        : pool.contains(at)           ? Allocator::ld_so_malloc
                                                      : Allocator::mmap;
  if (who == Allocator::mmap && process.may_be_object(at))
    return Answer::cannot_tell(ALLOC_E_NOT_YET);
  if (may_hold_unindexed_blocks(process.root(), who, name)) return unindexed(*process.root());
  AddressRange range = mapping->range;
  if (who == Allocator::ld_so_malloc) {
    range = pool;
  } else if (name.empty()) {
    range = without_own_ranges(process, mapping->range, at);
  }
  Answer answer = Answer::of(who, range, ALLOC_EV_KERNEL);
  if (!name.empty()) answer.name = mapping->name;
  set_stated_type(process, *mapping, answer);
  return answer;
}

// The tail of a page that a segment of ld.so ends in is where ld.so's own malloc begins.
inline bool is_untold_part_of_loader(const Answer& answer, const Object& object) {
  return answer.allocator == Allocator::static_file && object.is_loader;
}

// `answer` is an allocation of another allocator that serves as a stack, and contains `at`: then a frame is the leaf.
template <Process P>
[[gnu::noinline]] void prefer_frame(const P& process, Address at, Answer& answer) {
  const Answer stack = process.query_stacks(at);
  if (stack.error == ALLOC_OK && is_of_frame(stack.allocator)) answer = stack;
}

// `answer` is an allocation of the program's in which a thread may have its stack: then what lies in that is told, as of any stack.
template <Process P>
[[gnu::noinline]] void prefer_stack(const P& process, Address at, Answer& answer) {
  const Answer stack = process.query_stacks(at);
  if (stack.error != ALLOC_OK) return;
  answer = stack;
  if (is_of_frame(stack.allocator)) return;
  if (const Answer tls = query_tls_afresh(process, at, stack.thread); tls.error == ALLOC_OK)
    answer = tls;
}

// For an address that is in no block of malloc.
template <Process P>
Answer query_beyond_heap(const P& process, Address at) {
  if (at >= kEndOfUserAddresses) return {};
  if (const Object* object = process.find_object(at)) {
    Answer answer = query_static(process.types(), *object, at);
    if (is_untold_part_of_loader(answer, *object)) {
      answer.allocator = Allocator::ld_so_malloc;
      answer.range = between_segments(*object, at);
    }
    if (process.runs_on(answer.range)) [[unlikely]]
      prefer_frame(process, at, answer);
    return answer;
  }
  if (const InitialStack* initial = process.initial_stack();
      initial != nullptr && at >= initial->argc && at < initial->end) {
    return query_auxv(process, *initial, at);
  }
  // The thread-locals of a thread lie at the outer end of its stack: a frame is surer than they are, "some stack" is not.
  const Answer stack = process.query_stacks(at);
  if (stack.error == ALLOC_OK && is_of_frame(stack.allocator)) return stack;
  const int thread = stack.error == ALLOC_OK ? stack.thread : 0;
  if (Answer tls = query_tls_afresh(process, at, thread); tls.error == ALLOC_OK) return tls;
  if (stack.error != ALLOC_E_NOTHING_THERE) return stack;
  if (Answer own = process.query_own(at); own.error == ALLOC_OK) return own;
  return query_mapping(process, at);
}

// The index may only know that some block or other is inside realloc: threads that resize blocks without a pause can keep it from
// saying more. No block of libc's lies in an object, among the program's arguments, or on a thread's stack.
template <Process P>
[[gnu::noinline]] Answer unless_beyond_heap(const P& process, Address at, Answer resized) {
  if (process.root()->malloc_kind != index::MallocKind::libc) return resized;
  const Answer beyond = query_beyond_heap(process, at);
  if (beyond.error != ALLOC_OK) return resized;
  switch (beyond.allocator) {
    case Allocator::static_file:
    case Allocator::static_segment:
    case Allocator::static_section:
    case Allocator::static_symbol:
    case Allocator::auxv:
    case Allocator::stack:
    case Allocator::stackframe:
    case Allocator::frame_alloca:
    case Allocator::own:
      return beyond;
    default:
      return resized;
  }
}

template <Process P>
Answer query(const P& process, Address at) {
  Answer answer = query_heap(process, at);
  if (answer.error == ALLOC_E_NOTHING_THERE) return query_beyond_heap(process, at);
  if (answer.error == ALLOC_E_BEING_RESIZED) [[unlikely]]
    return unless_beyond_heap(process, at, answer);
  if (process.runs_on(answer.range)) [[unlikely]]
    prefer_frame(process, at, answer);
  if (answer.error != ALLOC_OK || !answer.is_by_loader) return answer;
  // The loader takes the blocks of thread-locals from malloc.
  const Answer tls = query_tls_afresh(process, at);
  if (tls.error == ALLOC_OK) answer = tls;
  return answer;
}

}  // namespace allocs::query
