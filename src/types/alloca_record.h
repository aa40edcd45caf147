// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "types/site_id.h"

// What code that allocscc compiled leaves on the stack about its blocks of alloca. The compiler plugins, the metadata compiler and the run
// time share this header. docs/decisions/25_records_of_alloca_lie_in_the_frame.md says why it is so.
//
//     lower addresses                                            the frame of f
//     [ record | second block ] ... [ record | first block ] ... [ __allocs_alloca_head ] other variables
//        |  ^-----------------------------------------------------------------|
//        next ---------------------->
//
// The head of the chain is a variable of the frame, which the debug information describes. The stack grows downwards, so each further
// record lies at a higher address, behind the block before it. All words are written before the head is.
namespace allocs::types {

struct AllocaRecord {
  std::uint64_t next = 0;  // address of the record made before it in this frame; 0: none
  std::uint64_t size = 0;  // of the block that follows, in bytes, as asked for
  std::uint64_t site = 0;  // the code that allocated it
  std::uint64_t type = 0;  // address of the constant that stands for the type; 0: it is not known
};
static_assert(sizeof(AllocaRecord) == 32);

// Records lie at multiples of this.
inline constexpr std::uint64_t kAllocaAlignment = 16;

// The head: a `void *` variable.
inline constexpr std::string_view kAllocaHeadName = "__allocs_alloca_head";

// The constant of a type: a static variable, a pointer to T, called
//
//     __allocs_alloca$saa
//                     kind, as in types/site_id.h
inline constexpr std::string_view kAllocaTypePrefix = "__allocs_alloca$";

// Nothing if `name` is not that of such a constant.
constexpr std::optional<SiteKind> parse_alloca_type_name(std::string_view name) {
  constexpr std::size_t kLength = kAllocaTypePrefix.size();
  if (name.size() != kLength + kSiteKindLength) return std::nullopt;
  if (std::string_view{name.data(), kLength} != kAllocaTypePrefix) return std::nullopt;
  return parse_site_kind({name.data() + kLength, kSiteKindLength});
}

}  // namespace allocs::types
