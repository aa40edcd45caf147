// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "allocs.h"
#include "base/address.h"

namespace allocs::query {

// Who answers. The order is that of kAllocatorNames.
enum class Allocator : std::uint8_t {
  none,
  mmap,
  brk,
  static_file,
  static_segment,
  static_section,
  static_symbol,
  tls_block,
  tls_symbol,
  auxv,
  stack,
  stackframe,
  lib_malloc,
  program_malloc,  // a malloc that is not libc's
  ld_so_malloc,
  own,
  frame_alloca,  // blocks of alloca
  registered,    // by the program, at run time: Answer::owner tells which
  count_,
};

// Of an array whose elements are variable-length arrays: how large the elements are at each level of nesting, outermost first.
struct RowSizes {
  static constexpr unsigned kMost = 3;
  std::uint32_t count = 0;
  std::uint32_t bytes[kMost] = {};

  std::uint64_t at(unsigned level) const { return level < count ? bytes[level] : 0; }
};

// A frame of some function, or what lies in one.
constexpr bool is_of_frame(Allocator allocator) {
  return allocator == Allocator::stackframe || allocator == Allocator::frame_alloca;
}

// What is known about the innermost allocation that contains an address, and why. Value-initialised it says: nothing there.
struct Answer {
  Allocator allocator = Allocator::none;
  int error = ALLOC_E_NOTHING_THERE;
  int type_error = ALLOC_E_NOTHING_THERE;
  std::uint8_t base_grade = ALLOC_GRADE_NONE;
  std::uint8_t type_grade = ALLOC_GRADE_NONE;
  std::uint32_t evidence = 0;  // enum alloc_evidence
  AddressRange range{};        // heap: [start, start + size asked for)
  uniqtype* type = nullptr;
  Address site{};                       // Address{0}: none
  const char* site_function = nullptr;  // that the site is in, and the object; as `name`
  const char* site_object = nullptr;
  const char* name = nullptr;  // lives as long as the metadata does
  int thread = 0;
  const void* owner = nullptr;  // the program's own allocator object, of Allocator::registered
  // A variable that is an allocation of its own in the frame of function `name`; nullptr: it is none.
  const char* variable = nullptr;
  // Of what lies in a frame, how much of its part of that lies around it.
  std::uint32_t frame_below = 0, frame_above = 0;
  RowSizes rows{};
  bool has_parts = false;  // a frame, in which allocations of their own may lie
  bool is_function = false;
  bool is_by_loader = false;  // a block that the dynamic linker allocated
  bool is_empty = false;      // a block of no bytes: the range is the one byte at its address

  static Answer cannot_tell(int why) {
    Answer answer;
    answer.error = answer.type_error = why;
    return answer;
  }
  static Answer of(Allocator allocator, AddressRange range, std::uint32_t evidence) {
    Answer answer;
    answer.allocator = allocator;
    answer.error = ALLOC_OK;
    answer.type_error = ALLOC_E_NO_TYPE;
    answer.range = range;
    answer.evidence = evidence;
    answer.base_grade = ALLOC_GRADE_EXACT;
    return answer;
  }
  // A variable of its own, or a block of alloca.
  bool lies_in_frame() const { return variable != nullptr || allocator == Allocator::frame_alloca; }
  AddressRange frame() const {
    return {Address{raw(range.begin) - frame_below}, range.end + frame_above};
  }
  void set_type(uniqtype* found, std::uint8_t grade) {
    type = found;
    type_grade = found == nullptr ? std::uint8_t{ALLOC_GRADE_NONE} : grade;
    type_error = found == nullptr ? ALLOC_E_NO_TYPE : ALLOC_OK;
  }
  void set_no_type(int why) {
    type = nullptr;
    type_grade = ALLOC_GRADE_NONE;
    type_error = why;
  }
};

}  // namespace allocs::query
