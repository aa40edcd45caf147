// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "allocs/allocator.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/info.h"
#include "runtime/preload/promote.h"
#include "runtime/query/traits.h"
#include "runtime/query/tree_children.h"
#include "runtime/self/ask.h"
#include "runtime/self/pieces.h"
#include "runtime/self/registered.h"

// The public functions of <allocs/allocator.h>: steps in the tree, and the protocol of each allocator.

namespace {

using allocs::address_of;
using allocs::preload::answer_of;
using allocs::preload::mode_of;
using allocs::preload::put_info;
using allocs::preload::refusal_of;
using allocs::query::Allocator;
using allocs::query::Answer;
using allocs::query::ChildCursor;
using allocs::query::Process;
using allocs::self::SelfProcess;

int put_child(const Answer& child, unsigned depth, alloc_info& out) {
  put_info(child, out);
  if (child.error == ALLOC_OK) out.depth = static_cast<unsigned short>(depth);
  return child.error;
}
unsigned depth_below(const alloc_info& parent) {
  return parent.allocator == nullptr ? 0 : parent.depth + 1u;
}

// ---- the slots of a built-in allocator's protocol ----

template <Allocator kWhich>
int find(void*, const alloc_info* parent, const void* at, unsigned flags, alloc_info* child) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Answer found = allocs::query::child_at(process, answer_of(*parent), address_of(at));
  if (found.error == ALLOC_OK && found.allocator != kWhich) return ALLOC_E_NOTHING_THERE;
  return put_child(found, depth_below(*parent), *child);
}

template <Allocator kWhich>
int next(void*, const alloc_info* parent, const void* from, unsigned flags, alloc_info* child) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  ChildCursor cursor = allocs::query::children_of(answer_of(*parent));
  if (address_of(from) > cursor.next) cursor.next = address_of(from);
  for (;;) {
    const Answer found = allocs::query::next_child(process, cursor);
    const bool is_one = found.allocator == kWhich && found.range.begin >= address_of(from);
    if (found.error != ALLOC_OK || is_one) return put_child(found, depth_below(*parent), *child);
  }
}

template <Allocator kWhich>
int get_traits(void*, const alloc_info* allocation, alloc_traits* traits) {
  const auto& row = allocs::query::traits_of(kWhich);
  *traits = {.capabilities = row.capabilities,
             .lifetime = row.lifetime,
             .alignment = row.alignment,
             .reserved = {}};
  if (allocs::query::is_block(kWhich) && allocs::allocators::is_held_by_others(allocation->base))
    traits->lifetime = ALLOC_LIFE_HELD;
  return ALLOC_OK;
}

template <Allocator kWhich>
constexpr alloc_protocol protocol_of() {
  constexpr allocs::preload::BaseLevel kBase = allocs::preload::base_level_of(kWhich);
  return {.size = sizeof(alloc_protocol),
          .context = nullptr,
          .find = find<kWhich>,
          .next = next<kWhich>,
          .get_traits = get_traits<kWhich>,
          .make = kBase.make,
          .resize = kBase.resize,
          .release = kBase.release,
          .set_type = kBase.set_type};
}
#define ALLOCS_PROTOCOL(which, symbol, text) protocol_of<Allocator::which>(),
constexpr alloc_protocol kProtocols[] = {ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_PROTOCOL)};

// ---- of declared sub-allocators: `context` is not used, the child says whose it is ----

int find_piece(void*, const alloc_info* parent, const void* at, unsigned flags, alloc_info* child) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Answer found = allocs::self::piece_at(process, answer_of(*parent), address_of(at));
  return put_child(found, depth_below(*parent), *child);
}
int next_piece(void*, const alloc_info* parent, const void* from, unsigned flags,
               alloc_info* child) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Answer found = allocs::self::piece_from(process, answer_of(*parent), address_of(from));
  return put_child(found, depth_below(*parent), *child);
}
int get_traits_of_piece(void*, const alloc_info*, alloc_traits* traits) {
  *traits = {.capabilities = 0,
             .lifetime = ALLOC_LIFE_FREED,
             .alignment = 1u << allocs::index::kPieceUnitShift,
             .reserved = {}};
  return ALLOC_OK;
}
constexpr alloc_protocol kPieceProtocol{.size = sizeof(alloc_protocol),
                                        .context = nullptr,
                                        .find = find_piece,
                                        .next = next_piece,
                                        .get_traits = get_traits_of_piece,
                                        .make = nullptr,
                                        .resize = nullptr,
                                        .release = nullptr,
                                        .set_type = nullptr};

// Asks what `obj` is in, and does `act(protocol, info)` to it.
template <typename Act>
int change(const void* obj, Act act) {
  alloc_info info;
  if (const int error = alloc_query(obj, 0, &info); error != ALLOC_OK) return error;
  const alloc_protocol* const protocol = alloc_get_protocol(info.allocator);
  return protocol == nullptr ? ALLOC_E_NO_SUCH_OPERATION : act(*protocol, info);
}

// Allocations of the program's allocators: that theirs have become pools they need not know.
bool is_registered_pool(const alloc_info& info) {
  return allocs::preload::allocator_of(info.allocator) == Allocator::registered &&
         allocs::self::is_pool(answer_of(info));
}

}  // namespace

extern "C" {

ALLOCS_EXPORT void alloc_get_root(struct alloc_info* root) {
  std::memset(root, 0, sizeof(*root));
  root->type_error = ALLOC_E_NO_TYPE;
  root->size = raw(allocs::kEndOfUserAddresses);
}

ALLOCS_EXPORT int alloc_get_parent(const struct alloc_info* allocation, unsigned flags,
                                   struct alloc_info* parent) {
  if (allocation == nullptr || parent == nullptr || allocation->allocator == nullptr)
    return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  unsigned depth = 0;
  const Answer found = allocs::query::parent_of(process, answer_of(*allocation), depth);
  if (found.error != ALLOC_OK) return found.error;
  if (found.allocator == Allocator::none) {
    alloc_get_root(parent);
    return ALLOC_OK;
  }
  return put_child(found, depth - 1, *parent);
}

ALLOCS_EXPORT int alloc_get_child(const struct alloc_info* parent, const void* at, unsigned flags,
                                  struct alloc_info* child) {
  if (parent == nullptr || child == nullptr) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Answer found = allocs::query::child_at(process, answer_of(*parent), address_of(at));
  return put_child(found, depth_below(*parent), *child);
}

ALLOCS_EXPORT int alloc_begin_children(const struct alloc_info* parent, unsigned flags,
                                       struct alloc_cursor* cursor) {
  if (parent == nullptr || cursor == nullptr) return ALLOC_E_INVALID;
  std::memset(static_cast<void*>(cursor), 0, sizeof(*cursor));
  cursor->parent = *parent;
  cursor->next = parent->base;
  cursor->flags = flags;
  return ALLOC_OK;
}

ALLOCS_EXPORT int alloc_next_child(struct alloc_cursor* cursor, struct alloc_info* child) {
  if (cursor == nullptr || child == nullptr) return ALLOC_E_INVALID;
  if (cursor->error != ALLOC_OK) return 0;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(cursor->flags), here);
  if (cursor->parent.allocator == nullptr && !process.knows_mappings())
    return cursor->error = ALLOC_E_NOT_YET;
  ChildCursor place = allocs::query::children_of(answer_of(cursor->parent));
  place.next = address_of(cursor->next);
  place.special = address_of(cursor->special);
  const Answer found = allocs::query::next_child(process, place);
  cursor->next = allocs::preload::pointer(place.next);
  cursor->special = allocs::preload::pointer(place.special);
  put_child(found, depth_below(cursor->parent), *child);
  const bool is_unknown = cursor->parent.allocator == nullptr && !process.knows_mappings();
  if (found.error == ALLOC_E_NOTHING_THERE) return is_unknown ? cursor->error = ALLOC_E_NOT_YET : 0;
  if (found.error != ALLOC_OK) return cursor->error = found.error;
  return 1;
}

ALLOCS_EXPORT int alloc_get_traits(const struct alloc_info* allocation,
                                   struct alloc_traits* traits) {
  if (allocation == nullptr || traits == nullptr) return ALLOC_E_INVALID;
  std::memset(traits, 0, sizeof(*traits));
  traits->alignment = 1;
  if (allocation->allocator == nullptr) {
    traits->lifetime = ALLOC_LIFE_PROCESS;
    return ALLOC_OK;
  }
  const alloc_protocol* const protocol = alloc_get_protocol(allocation->allocator);
  if (protocol == nullptr) return ALLOC_E_INVALID;
  if (protocol->get_traits != nullptr)
    return protocol->get_traits(protocol->context, allocation, traits);
  traits->lifetime = ALLOC_LIFE_PARENT;
  if (protocol->resize != nullptr) traits->capabilities |= ALLOC_CAN_RESIZE;
  if (protocol->make != nullptr) traits->capabilities |= ALLOC_CAN_NEW;
  if (protocol->release != nullptr) traits->capabilities |= ALLOC_CAN_FREE;
  if (protocol->set_type != nullptr) traits->capabilities |= ALLOC_CAN_SET_TYPE;
  return ALLOC_OK;
}

ALLOCS_EXPORT const struct alloc_protocol* alloc_get_protocol(const struct allocator* allocator) {
  const Allocator which = allocs::preload::allocator_of(allocator);
  if (which == Allocator::none) return nullptr;
  if (which == Allocator::registered) {
    return allocs::allocators::family_of_object(allocator) != nullptr
               ? &kPieceProtocol
               : allocs::self::registered_protocol(allocator);
  }
  return &kProtocols[static_cast<std::size_t>(which) - 1];
}

ALLOCS_EXPORT int alloc_register_allocator(struct allocator* allocator,
                                           const struct alloc_protocol* protocol) {
  if (allocator == nullptr || allocator->name == nullptr || protocol == nullptr)
    return ALLOC_E_INVALID;
  if (protocol->size < sizeof(alloc_protocol) || protocol->find == nullptr ||
      protocol->next == nullptr)
    return ALLOC_E_INVALID;
  if (allocs::preload::allocator_of(allocator) != Allocator::registered ||
      allocs::allocators::family_of_object(allocator) != nullptr)
    return ALLOC_E_INVALID;
  return allocs::self::register_allocator(allocator, protocol);
}

ALLOCS_EXPORT int alloc_new(struct allocator* allocator, struct uniqtype* type, size_t count,
                            void** base) {
  if (allocator == nullptr || type == nullptr || base == nullptr) return ALLOC_E_INVALID;
  const alloc_protocol* const protocol = alloc_get_protocol(allocator);
  if (protocol == nullptr) return ALLOC_E_INVALID;
  if (protocol->make == nullptr) return refusal_of(allocator);
  if (const int error = allocs::preload::error_of_malloc(allocator); error != ALLOC_OK)
    return error;
  return protocol->make(protocol->context, type, count, base);
}

ALLOCS_EXPORT int alloc_resize(const void* obj, size_t size, unsigned flags, void** base) {
  if (base == nullptr || (flags & ~unsigned{ALLOC_MAY_MOVE}) != 0) return ALLOC_E_INVALID;
  return change(obj, [&](const alloc_protocol& protocol, const alloc_info& info) {
    if (is_registered_pool(info)) return int{ALLOC_E_HAS_CHILDREN};
    return protocol.resize == nullptr ? refusal_of(info.allocator)
                                      : protocol.resize(protocol.context, &info, size, flags, base);
  });
}

ALLOCS_EXPORT int alloc_free(const void* obj) {
  return change(obj, [&](const alloc_protocol& protocol, const alloc_info& info) {
    if (is_registered_pool(info)) return int{ALLOC_E_HAS_CHILDREN};
    return protocol.release == nullptr ? refusal_of(info.allocator)
                                       : protocol.release(protocol.context, &info);
  });
}

ALLOCS_EXPORT int alloc_set_type(const void* obj, struct uniqtype* type) {
  if (type == nullptr) return ALLOC_E_INVALID;
  return change(obj, [&](const alloc_protocol& protocol, const alloc_info& info) {
    return protocol.set_type == nullptr ? refusal_of(info.allocator)
                                        : protocol.set_type(protocol.context, &info, type);
  });
}

ALLOCS_EXPORT int alloc_promote(const void* obj, struct allocator* allocator) {
  if (allocs::self::registered_protocol(allocator) == nullptr) return ALLOC_E_INVALID;
  return allocs::preload::promote(obj, allocator,
                                  [](const alloc_info&, void**) { return ALLOC_OK; });
}

ALLOCS_EXPORT int alloc_demote(const void* obj) { return allocs::self::demote(address_of(obj)); }

ALLOCS_TREE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)

}  // extern "C"
