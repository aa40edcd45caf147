// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text_writer.h"
#include "types/interner.h"

namespace allocs::types {

// Types made at run time from others, once per process: the same object that an image with the same type leads to. nullptr
// when the argument is nullptr or incomplete in a way that matters, or memory runs out. Context: query; may allocate.
uniqtype* pointer_to(Interner& interner, uniqtype* target);
uniqtype* array_of(Interner& interner, uniqtype* element,
                   std::uint64_t count);  // kUnbounded: no length

// The human name of a pointer to that type: "int *", "char **", "int (*)[3]". Context: signal.
void put_pointer_name(TextWriter& out, const uniqtype_record& pointee);

// A base type of whole bytes: `encoding` is a DW_ATE_* value; `flags` may have kTypeBigEndian.
uniqtype* base_type(Interner& interner, std::uint8_t encoding, std::uint64_t size,
                    std::string_view name, std::string_view human_name, std::uint8_t flags = 0);

struct CompositeSlot {
  std::string_view name{};
  std::uint64_t offset = 0;  // from the start of the composite
  uniqtype* type = nullptr;
  std::string_view alias{};  // as the source spells the type, if that is another name
  std::uint8_t flags = 0;    // MemberFlag
};

// A composite whose members are those slots (in order of offset); `hash` is its identity.
uniqtype* composite_of(Interner& interner, CompositeKind kind, const Hash128& hash,
                       std::string_view name, std::string_view human_name, std::uint64_t size,
                       const CompositeSlot* slots, std::uint64_t count);

// A structure or union as C declares it: the same type as that of an image with that name, size and members. `name` is the name as well for
// people if `human_name` is empty.
uniqtype* composite_by_content(Interner& interner, CompositeKind kind, std::string_view name,
                               std::string_view human_name, std::uint64_t size,
                               const CompositeSlot* slots, std::uint64_t count);

inline constexpr std::uint8_t kEncodingBoolean = 0x2;
inline constexpr std::uint8_t kEncodingSigned = 0x5;
inline constexpr std::uint8_t kEncodingSignedChar = 0x6;
inline constexpr std::uint8_t kEncodingUnsigned = 0x7;
inline constexpr std::uint8_t kEncodingUnsignedChar = 0x8;

}  // namespace allocs::types
