// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "allocs/allocator.h"
#include "runtime/query/answer.h"
#include "runtime/self/lock.h"

// The base level of the built-in allocators: what goes into the slots of their protocols. Context of all: query.
namespace allocs::preload {

struct BaseLevel {
  decltype(alloc_protocol::make) make = nullptr;
  decltype(alloc_protocol::resize) resize = nullptr;
  decltype(alloc_protocol::release) release = nullptr;
  decltype(alloc_protocol::set_type) set_type = nullptr;
};

int make_typed_block(void*, uniqtype* type, std::size_t count, void** base);
int resize_typed_block(void*, const alloc_info* block, std::size_t size, unsigned flags,
                       void** base);
int release_typed_block(void*, const alloc_info* block);
int set_type_of_block(void*, const alloc_info* block, uniqtype* type);
// Whatever lies in it: that goes with it.
int resize_block_and_contents(const alloc_info& block, std::size_t size, unsigned flags,
                              void** base);

int make_mapping(void*, uniqtype* type, std::size_t count, void** base);
int resize_mapping(void*, const alloc_info* mapping, std::size_t size, unsigned flags, void** base);
int release_mapping(void*, const alloc_info* mapping);
int set_type_of_mapping(void*, const alloc_info* mapping, uniqtype* type);

// Edits of files and of sequences take turns: each looks where things are, and then moves them.
class EditGuard {
 public:
  EditGuard();
  int error() const { return guard_.error(); }

 private:
  self::ProcessLock::Guard guard_;
};
// As alloc_insert and alloc_remove, in a mapping whatever lies in it; `range` is the mapping's afterwards.
int insert_in_mapping(const alloc_info& mapping, void* at, std::size_t count, unsigned flags,
                      void** inserted, AddressRange& range);
int remove_from_mapping(const alloc_info& mapping, void* at, std::size_t count, void** remaining,
                        AddressRange& range);

int resize_break(void*, const alloc_info* area, std::size_t size, unsigned flags, void** base);

// As the kernel calls a mapping that make_mapping() made.
inline constexpr std::string_view kMadeMapping = "/memfd:allocs (deleted)";

constexpr BaseLevel base_level_of(query::Allocator which) {
  switch (which) {
    case query::Allocator::lib_malloc:
    case query::Allocator::program_malloc:
      return {make_typed_block, resize_typed_block, release_typed_block, set_type_of_block};
    case query::Allocator::mmap:
      return {make_mapping, resize_mapping, release_mapping, set_type_of_mapping};
    case query::Allocator::brk:
      return {nullptr, resize_break, nullptr, nullptr};
    default:
      return {};
  }
}

// Where the program has called, however many functions of ours lie between.
const void* place_in_program();
// Why an operation is refused for which the allocator has no slot.
int refusal_of(const allocator* which);
// Of the two malloc allocators only that which the program has makes blocks, if it is indexed; ALLOC_OK for others.
int error_of_malloc(const allocator* which);
// ALLOC_OK also for what is no mapping; otherwise why it is not the program's to change.
int error_of_mapping(const alloc_info& mapping);

// Does something lie in the allocation that the tree knows of?
bool has_children(const alloc_info& allocation);
// Or is it a pool, in which something may lie at any time?
bool is_shared_out(const alloc_info& allocation);
// count objects of the type; nothing if that is too many, or the type has no size.
bool size_of_objects(const uniqtype* type, std::size_t count, std::size_t& size);
// Bytes to which objects of the type are aligned, if that is more than any malloc aligns a block to; otherwise 1. nullptr: no type.
std::uint64_t alignment_of_type(const uniqtype* type);
// For `count` objects: the type itself, or the array of it.
uniqtype* type_of_objects(uniqtype* type, std::size_t count);

}  // namespace allocs::preload
