// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/memory.h"
#include "runtime/query/answer.h"
#include "runtime/query/process.h"
#include "types/derive.h"

// The class of an object, from the object.
//
// A program of which nobody told what a call allocates still has objects that tell: every object of a class with virtual functions begins
// with the address of the class's virtual table (Itanium C++ ABI 2.4; with several base classes too, and with virtual ones), and the metadata
// of the object file in which that lies knows the class (types::VirtualTableRecord). Example, on x86-64:
//
//     block of 40 bytes, from a pool that knows no types
//     +0   0x55d0c1a03d78 = vtable for shape + 16       a shape is 40 bytes large: the block is a shape
//
// Only where the site tells no type, and never more than plausible. For what memory holds may be of the past: the object was destroyed and the
// block kept, or the memory was an object before it was this block, and nothing has been written to it yet; or of a moment, while the
// constructor or destructor of a base class of the same size is at work; or the object is a member at the start of something that is no larger. That
// does not occur to a block whose type is its site's.
//
// The size must fit. A block of several sizes is taken for an array if each element begins so; that is weak, because a structure of such
// members looks alike. Anything else, such as an object with room behind it, is not told: most blocks that begin with an object and are larger
// are of a type which has the object as its first member.
namespace allocs::query {

inline constexpr std::uint64_t kMostLookedAt =
    256;  // elements; each is a system call in the process itself

// Of objects with a virtual table: they are as aligned as the address of that.
inline bool may_be_object(std::uint64_t size) { return size != 0 && size % 8 == 0; }

// A class, and how many of it.
struct ClassOfObject {
  const Object* file = nullptr;  // whose metadata describes it
  types::TypeIndex index = types::kNoType;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

// Of a block of `size` bytes that begins with `word`, and with the same after each object.
template <Process P>
std::optional<ClassOfObject> class_by_first_word(const P& process, Address word,
                                                 std::uint64_t size) {
  if (raw(word) % 8 != 0 || word == Address{} || word >= kEndOfUserAddresses) return std::nullopt;
  const Object* file = process.find_object(word);
  if (file == nullptr || !file->image) return std::nullopt;
  const auto* table = file->image->find_virtual_table(raw(file->link_address(word)));
  const auto* type = table == nullptr ? nullptr : file->image->type(table->type);
  if (type == nullptr || type->kind != types::Kind::composite || type->size == 0 ||
      type->size == types::kUnknownSize || size == 0 || size % type->size != 0)
    return std::nullopt;
  return ClassOfObject{file, table->type, type->size, size / type->size};
}

inline void set_class(uniqtype* type, std::uint64_t count, Answer& answer) {
  if (type == nullptr) return;
  answer.set_type(type, count == 1 ? ALLOC_GRADE_PLAUSIBLE : ALLOC_GRADE_WEAK);
  answer.evidence |= ALLOC_EV_VIRTUAL_TABLE | ALLOC_EV_SITE_SIZE | ALLOC_EV_DEBUG_INFORMATION;
}

// `answer` is a block without a type. Of the process's memory only what lies in the block is looked at, and only if it may be.
template <Process P>
void set_type_from_object(const P& process, AddressRange block, Answer& answer) {
  const auto& memory = process.blocks();
  const auto word = load<std::uint64_t>(memory, block.begin);
  if (!word) return;
  const auto found = class_by_first_word(process, Address{*word}, block.size());
  if (!found || found->count > kMostLookedAt) return;
  for (std::uint64_t i = 1; i < found->count; ++i) {
    if (load<std::uint64_t>(memory, block.begin + i * found->size) != word) return;
  }
  uniqtype* type = process.types().type(*found->file, found->index);
  if (found->count > 1 && type != nullptr)
    type = types::array_of(*process.types().interner, type, found->count);
  set_class(type, found->count, answer);
}

}  // namespace allocs::query
