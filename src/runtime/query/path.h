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

// Calls visit(Subobject, its address) for each member or element that contains `at`, outermost first.
template <typename Visit>
void for_each_subobject(const Answer& leaf, Address at, Visit&& visit) {
  const uniqtype* type = leaf.type;
  Address base = leaf.range.begin;
  std::uint64_t extent = leaf.range.size();
  for (unsigned depth = 0; type != nullptr && depth < kDeepestNesting; ++depth) {
    types::Subobject found;
    if (!types::subobject_at(*type, extent, at - base, found, leaf.rows.at(depth))) return;
    base = base + found.offset;
    visit(found, base);
    type = found.type;
    extent = found.size;
  }
}

// Whether it is told by its address, as what has no name.
inline bool is_told_by_address(const Answer& leaf) {
  const bool is_block =
      leaf.allocator == Allocator::lib_malloc || leaf.allocator == Allocator::program_malloc;
  return is_block || leaf.allocator == Allocator::frame_alloca ||
         (leaf.allocator == Allocator::registered && leaf.name == nullptr);
}

// What stands for the leaf allocation in an expression: "table", "main::", "((struct node *)0x55d0)->".
inline void put_root_of_path(TextWriter& out, const Answer& leaf) {
  if (!is_told_by_address(leaf)) {
    out.put(leaf.name == nullptr ? "" : leaf.name);
    if (leaf.variable != nullptr) out.put("::").put(leaf.variable);
    return;
  }
  const uniqtype* type = leaf.type;
  const bool unbounded = type != nullptr && types::record_of(*type).kind == types::Kind::array &&
                         types::record_of(*type).count == types::kUnbounded;
  const uniqtype* target = unbounded ? type->related[0].un.t.ptr : type;
  out.put("((");
  types::put_pointer_name(out, target == nullptr ? "void" : types::record_of(*target).human_name);
  out.put(")").hexadecimal(raw(leaf.range.begin)).put(')');
}

// The expression for the innermost field at `at`, as C writes it. Context: signal.
inline void put_path(TextWriter& out, const Answer& leaf, Address at) {
  put_root_of_path(out, leaf);
  const bool is_pointer = is_told_by_address(leaf);
  const bool is_frame = leaf.allocator == Allocator::stackframe && leaf.variable == nullptr;
  bool first = true;
  for_each_subobject(leaf, at, [&](const types::Subobject& step, Address) {
    if (step.member == nullptr) {
      out.put('[').decimal(step.index).put(']');
    } else if (*step.member != '\0') {
      out.put(!first ? "." : is_frame ? "::" : is_pointer ? "->" : ".").put(step.member);
    }
    first = false;
  });
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
