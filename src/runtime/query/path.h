// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/allocator_names.h"
#include "runtime/query/tree.h"
#include "types/derive.h"
#include "types/describe.h"
#include "types/subobject.h"

// The chain from the mapping down to the field, and its text.
namespace allocs::query {

inline constexpr unsigned kDeepestNesting = 128;  // of subobjects; more is a damaged type

// Calls visit(Subobject, its address) for each member or element that contains `at`, outermost first, in an object of the type in that range. Those of virtual bases are told if
// `reader` may look at objects (object_reader.h).
template <typename Visit>
void for_each_subobject(const uniqtype* type, AddressRange range, const RowSizes& rows, Address at,
                        Visit&& visit, const types::ObjectReader* reader = nullptr) {
  types::ObjectAt object{.reader = reader, .at = range.begin};
  std::uint64_t extent = range.size();
  types::Subobject found;
  for (unsigned depth = 0; type != nullptr && depth < kDeepestNesting; ++depth) {
    if (!types::subobject_at(*type, extent, at - object.at, found, rows.at(depth), object)) return;
    object.at = object.at + found.offset;
    object.is_base = found.is_base;
    visit(static_cast<const types::Subobject&>(found), object.at);
    type = found.type;
    extent = found.size;
  }
}
template <typename Visit>
void for_each_subobject(const Answer& leaf, Address at, Visit&& visit,
                        const types::ObjectReader* reader = nullptr) {
  for_each_subobject(leaf.type, leaf.range, leaf.rows, at, visit, reader);
}

// Of a leaf, what its path needs.
struct PathLeaf {
  enum class Told : std::uint8_t { by_name, as_frame, by_address };

  Told told;
  const char* name = nullptr;  // nullptr: it has none
  const char* variable = nullptr;
  const uniqtype* type = nullptr;
  AddressRange range{};
  RowSizes rows{};

  // A block, and what else has no name, is told by its address.
  static PathLeaf of(const Answer& leaf) {
    const bool has_address = is_block(leaf.allocator) ||
                             leaf.allocator == Allocator::frame_alloca ||
                             (leaf.allocator == Allocator::registered && leaf.name == nullptr);
    const bool is_frame = leaf.allocator == Allocator::stackframe && leaf.variable == nullptr;
    return {.told = has_address ? Told::by_address
                    : is_frame  ? Told::as_frame
                                : Told::by_name,
            .name = leaf.name,
            .variable = leaf.variable,
            .type = leaf.type,
            .range = leaf.range,
            .rows = leaf.rows};
  }
};

// What stands for the leaf allocation in an expression: "table", "main::", "((struct node *)0x55d0)->".
inline void put_root_of_path(TextWriter& out, const PathLeaf& leaf) {
  if (leaf.told != PathLeaf::Told::by_address) {
    if (leaf.name != nullptr) out.put(leaf.name);
    if (leaf.variable != nullptr) out.put("::").put(leaf.variable);
    return;
  }
  const uniqtype* type = leaf.type;
  const bool unbounded = type != nullptr && types::record_of(*type).kind == types::Kind::array &&
                         types::record_of(*type).count == types::kUnbounded;
  const uniqtype* target = unbounded ? type->related[0].un.t.ptr : type;
  out.put('(').put('(');
  if (target != nullptr) {
    types::put_pointer_name(out, types::record_of(*target));
  } else {
    out.put("void *");
  }
  out.put(')').hexadecimal(raw(leaf.range.begin)).put(')');
}

// The expression for the innermost field at `at`, as C writes it. Context: signal.
inline void put_path(TextWriter& out, const PathLeaf& leaf, Address at,
                     const types::ObjectReader* reader = nullptr) {
  put_root_of_path(out, leaf);
  const char* before_member = leaf.told == PathLeaf::Told::as_frame     ? "::"
                              : leaf.told == PathLeaf::Told::by_address ? "->"
                                                                        : ".";
  for_each_subobject(
      leaf.type, leaf.range, leaf.rows, at,
      [&](const types::Subobject& step, Address) {
        if (step.member == nullptr) {
          out.put('[').decimal(step.index).put(']');
          before_member = ".";
        } else if (*step.member != '\0') {
          out.put(before_member).put(step.member);
          before_member = ".";
        }
      },
      reader);
}
inline void put_path(TextWriter& out, const Answer& leaf, Address at,
                     const types::ObjectReader* reader = nullptr) {
  put_path(out, PathLeaf::of(leaf), at, reader);
}
// With a slot of a frame, in which no variable is, by its name; nullptr: there is none.
inline void put_path_to_slot(TextWriter& out, const Answer& leaf, Address at, const char* slot,
                             const types::ObjectReader* reader = nullptr) {
  put_path(out, leaf, at, reader);
  if (slot == nullptr) return;
  if (leaf.name != nullptr) out.put(std::string_view("::"));
  out.put(std::string_view(slot));
}

// The allocations around the leaf, outermost first, then the leaf itself: visit(const Answer&, name).
template <Process P, typename Visit>
void for_each_enclosing(const P& process, const Answer& leaf, Address at, Visit&& visit) {
  descend(process, at, [&](const Answer& node) {
    if (is_same(node, leaf)) return false;
    // A registered allocator is asked apart, and a mapping may have grown meanwhile.
    if (node.allocator == leaf.allocator && leaf.allocator <= Allocator::brk) return false;
    visit(node, node.name);
    return true;
  });
  const char* name = leaf.variable != nullptr ? leaf.variable : leaf.name;
  visit(leaf, name);
}

}  // namespace allocs::query
