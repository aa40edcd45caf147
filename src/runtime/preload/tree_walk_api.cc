// SPDX-License-Identifier: Apache-2.0
#include "allocs/walk.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runtime/index/walk_blocks.h"
#include "runtime/preload/info.h"
#include "runtime/preload/subobject_terms.h"
#include "runtime/query/object_reader.h"
#include "runtime/query/tree_children.h"
#include "runtime/self/ask.h"
#include "runtime/self/kept_walk.h"
#include "types/covering.h"

// The public functions of <allocs/walk.h> that go down: through the tree, through a type, through the blocks of a type.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::preload::in_terms_of_c;
using allocs::query::Answer;
using allocs::query::ChildCursor;
using allocs::self::SelfProcess;
using allocs::types::ObjectAt;
using allocs::types::ObjectReader;
using allocs::types::Subobject;

struct TreeWalk {
  const SelfProcess& process;
  bool wants_subobjects;
  alloc_visit_step* visit;
  void* context;

  // Each level returns 0 to go on.
  int enter(const Answer& node, const alloc_step* above, unsigned depth, unsigned tree_depth) {
    alloc_step step{.above = above, .allocation = {}, .subobject = nullptr, .depth = depth};
    allocs::preload::put_info(node, step.allocation);
    step.allocation.depth = static_cast<unsigned short>(tree_depth);
    const int result = visit(&step, context);
    if (result != ALLOC_WALK_ON) return result == ALLOC_WALK_PRUNE ? 0 : result;
    if (depth == allocs::query::kDeepestTree) return 0;
    bool has_children = false;
    const int below = children(node, &step, depth + 1, tree_depth + 1, has_children);
    if (below != 0 || has_children || !wants_subobjects || node.type == nullptr) return below;
    const ObjectReader reader = allocs::query::object_reader(process);
    const ObjectAt object{.reader = &reader, .at = node.range.begin};
    return subobjects(*node.type, node, object, node.range.size(), step, 1);
  }

  int children(const Answer& parent, const alloc_step* above, unsigned depth, unsigned tree_depth,
               bool& has_children) {
    ChildCursor cursor = allocs::query::children_of(parent);
    for (;;) {
      const Answer child = allocs::query::next_child(process, cursor);
      if (child.error == ALLOC_E_NOTHING_THERE) return 0;
      if (child.error != ALLOC_OK) continue;
      has_children = true;
      if (const int result = enter(child, above, depth, tree_depth); result != 0) return result;
    }
  }

  int subobjects(const uniqtype& type, const Answer& leaf, const ObjectAt& object,
                 std::uint64_t extent, const alloc_step& above, unsigned depth) {
    if (depth > allocs::types::kDeepestCovering) return 0;
    int result = 0;
    allocs::types::for_each_direct_subobject(
        type, extent, leaf.rows.at(depth - 1),
        [&](const Subobject& sub) {
          const alloc_subobject told = in_terms_of_c(sub, object.at + sub.offset, depth);
          alloc_step step{.above = &above,
                          .allocation = above.allocation,
                          .subobject = &told,
                          .depth = above.depth + 1};
          result = visit(&step, context);
          if (result == ALLOC_WALK_ON)
            result = subobjects(*sub.type, leaf, object.part(sub), sub.size, step, depth + 1);
          if (result == ALLOC_WALK_PRUNE) result = 0;
          return result == 0;
        },
        object);
    return result;
  }
};

bool is_of_type(const uniqtype* found, const uniqtype* wanted) {
  if (found == wanted) return true;
  return found != nullptr && allocs::types::record_of(*found).kind == allocs::types::Kind::array &&
         found->related[0].un.t.ptr == wanted;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_walk_tree(const struct alloc_info* from, unsigned flags,
                                  alloc_visit_step* visit, void* context) {
  if (visit == nullptr || (flags & ~unsigned{ALLOC_WALK_SUBOBJECTS}) != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  allocs::self::KeptWalk kept;
  const SelfProcess process(SelfProcess(SelfProcess::Mode::wait, here), kept);
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  TreeWalk walk{process, (flags & ALLOC_WALK_SUBOBJECTS) != 0, visit, context};
  bool has_children = false;
  if (from == nullptr || from->allocator == nullptr) {
    const int result = walk.children(allocs::query::root_of_tree(), nullptr, 0, 0, has_children);
    return result == 0 && !process.knows_mappings() ? int{ALLOC_E_NOT_YET} : result;
  }
  unsigned depth = 0;
  const Answer named = allocs::preload::answer_of(*from);
  const Answer parent = allocs::query::parent_of(process, named, depth);
  if (parent.error != ALLOC_OK) return parent.error;
  return walk.enter(allocs::query::child_at(process, parent, named.range.begin), nullptr, 0, depth);
}

ALLOCS_EXPORT int alloc_walk_covering(const void* obj, int bit, unsigned flags,
                                      alloc_visit_subobject* visit, void* context) {
  const bool are_flags_known = (flags & ~unsigned{ALLOC_NOWAIT}) == 0;
  if (visit == nullptr || bit < -1 || bit > 7 || !are_flags_known) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(allocs::preload::mode_of(flags), here);
  const Answer leaf = allocs::self::ask(process, address_of(obj));
  if (leaf.error != ALLOC_OK) return leaf.error;
  if (leaf.type == nullptr) return leaf.type_error;
  int result = 0;
  const ObjectReader reader = allocs::query::object_reader(process);
  allocs::types::for_each_covering(
      *leaf.type, leaf.range.size(), address_of(obj) - leaf.range.begin, bit,
      [&](unsigned depth) { return leaf.rows.at(depth); },
      [&](const Subobject& sub, std::uint64_t offset, unsigned depth) {
        const alloc_subobject told = in_terms_of_c(sub, leaf.range.begin + offset, depth);
        result = visit(&told, context);
        return result == 0;
      },
      {.reader = &reader, .at = leaf.range.begin});
  return result;
}

ALLOCS_EXPORT int alloc_walk_parts(const void* obj, const struct uniqtype* type, size_t size,
                                   unsigned flags, alloc_visit_subobject* visit, void* context) {
  const bool are_flags_known = (flags & ~unsigned{ALLOC_NOWAIT}) == 0;
  if (obj == nullptr || type == nullptr || visit == nullptr || !are_flags_known)
    return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(allocs::preload::mode_of(flags), here);
  const ObjectReader reader = allocs::query::object_reader(process);
  const ObjectAt object{.reader = &reader, .at = address_of(obj)};
  int result = 0;
  allocs::types::for_each_direct_subobject(
      *type, size, 0,
      [&](const Subobject& sub) {
        const alloc_subobject told = in_terms_of_c(sub, object.at + sub.offset, 1);
        result = visit(&told, context);
        return result == 0;
      },
      object);
  return result;
}

ALLOCS_EXPORT int alloc_walk_blocks_of_type(const struct uniqtype* type, unsigned flags,
                                            alloc_visit_block* visit, void* context) {
  if (type == nullptr || visit == nullptr) return ALLOC_E_INVALID;
  struct Wanted {
    const uniqtype* type;
    alloc_visit_block* visit;
    void* context;
  } wanted{type, visit, context};
  return alloc_walk_blocks(
      flags,
      [](const alloc_info* block, void* of) {
        const Wanted& each = *static_cast<Wanted*>(of);
        return is_of_type(block->type, each.type) ? each.visit(block, each.context) : 0;
      },
      &wanted);
}

ALLOCS_TREE_WALK_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
