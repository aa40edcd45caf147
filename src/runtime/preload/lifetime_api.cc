// SPDX-License-Identifier: Apache-2.0
#include "allocs/lifetime.h"

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/collect.h"
#include "runtime/preload/holders.h"
#include "runtime/preload/info.h"
#include "runtime/self/ask.h"
#include "runtime/self/registered.h"

// The public functions of <allocs/lifetime.h>.

// A struct alloc_holder is a Holder; what there is of it is known by its address.

namespace {

using allocs::address_of;
using allocs::allocators::HeldBlock;
using allocs::allocators::Hold;
using allocs::allocators::Holder;
using allocs::allocators::HolderLock;
using allocs::query::Answer;
using allocs::self::SelfProcess;
namespace allocators = allocs::allocators;

static_assert(allocators::kExplicit == ALLOC_HOLDS_UNTIL_FREED);
// Tries for the table where nobody may wait for long.
constexpr int kAttempts = 5000;

alloc_holder* in_terms_of_c(const Holder* holder) {
  return reinterpret_cast<alloc_holder*>(const_cast<Holder*>(holder));
}
Holder* holder_of(alloc_holder* holder) {
  auto* const own = reinterpret_cast<Holder*>(holder);
  return holder != nullptr && allocators::is_holder(own) ? own : nullptr;
}

allocators::Call call_of_program() {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::no_wait, here);
  const auto registers = process.registers_of_program();
  if (!registers) return {};
  using allocs::elf::kRbp;
  return {allocs::preload::pointer(registers->pc()), raw(registers->sp()),
          registers->has(kRbp) ? registers->value[kRbp] : 0};
}

// Where the block of malloc begins that contains `obj`.
int find_block(const void* obj, alloc_info& info) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here, false);
  const Answer answer = allocs::self::ask(process, address_of(obj));
  if (answer.error != ALLOC_OK) return answer.error;
  if (!allocs::query::is_block(answer.allocator)) return ALLOC_E_NO_SUCH_OPERATION;
  if (allocators::g_root.malloc_kind == allocs::index::MallocKind::bypassed)
    return ALLOC_E_UNINDEXED;
  allocs::preload::put_info(answer, info);
  return ALLOC_OK;
}
void* start_of(const alloc_info& info) { return const_cast<void*>(info.base); }

bool is_pool(const void* block) { return allocs::self::is_pool_in_block(address_of(block)); }

void put_record(const Holder& holder, std::uint64_t count, alloc_held_by& out) {
  out = {.holder = in_terms_of_c(&holder),
         .name = holder.name,
         .kind = holder.kind,
         .count = count,
         .reserved = {}};
}

// Calls visit(const Holder&, count) for each that holds the block, the explicit one first. False: the table cannot be had.
template <typename Visit>
bool for_each_holder(const void* block, int attempts, Visit&& visit) {
  if (!allocators::is_held_block(block)) {
    visit(allocators::g_explicit_holder, 1);
    return true;
  }
  const HolderLock lock(attempts);
  if (!lock) return false;
  const HeldBlock* const held = allocators::held_blocks().find(raw(address_of(block)));
  if (held == nullptr || !held->is_freed) visit(allocators::g_explicit_holder, 1);
  for (const Hold* each = held == nullptr ? nullptr : held->holds; each != nullptr;
       each = each->next)
    if (each->count != 0) visit(*each->holder, each->count);
  return true;
}

}  // namespace

namespace allocs::preload {

void put_holders(TextWriter& out, const query::Answer& answer) {
  if (answer.error != ALLOC_OK || !query::is_block(answer.allocator)) return;
  const void* const block = pointer(answer.range.begin);
  if (!allocators::is_held_block(block)) return;
  const char* between = "; held by ";
  constexpr int kFewAttempts = 150;
  const bool is_told =
      for_each_holder(block, kFewAttempts, [&](const Holder& holder, std::uint64_t count) {
        out.put(between).put(holder.name);
        if (count != 1) out.put(" (").decimal(count).put(')');
        between = ", ";
      });
  if (!is_told) out.put("; who holds it is being changed");
}

}  // namespace allocs::preload

extern "C" {

ALLOCS_EXPORT int alloc_register_holder(const struct alloc_policy* policy,
                                        struct alloc_holder** holder) {
  if (policy == nullptr || holder == nullptr || policy->size < sizeof(alloc_policy) ||
      policy->name == nullptr)
    return ALLOC_E_INVALID;
  if (policy->kind != ALLOC_HOLDS_COUNTED && policy->kind != ALLOC_HOLDS_WHILE_REACHABLE)
    return ALLOC_E_INVALID;
  Holder* const added = allocators::add_holder({.name = policy->name,
                                                .kind = policy->kind,
                                                .gone = policy->gone,
                                                .context = policy->context});
  if (added == nullptr) return ALLOC_E_NO_MEMORY;
  *holder = in_terms_of_c(added);
  return ALLOC_OK;
}

ALLOCS_EXPORT struct alloc_holder* alloc_explicit_holder(void) {
  return in_terms_of_c(&allocators::g_explicit_holder);
}
ALLOCS_EXPORT struct alloc_holder* alloc_counted_holder(void) {
  return in_terms_of_c(&allocators::g_counted_holder);
}
ALLOCS_EXPORT struct alloc_holder* alloc_reachability_holder(void) {
  return in_terms_of_c(&allocators::g_reachability_holder);
}

ALLOCS_EXPORT int alloc_hold(const void* obj, struct alloc_holder* holder) {
  Holder* const who = holder_of(holder);
  if (who == nullptr || who->kind == ALLOC_HOLDS_UNTIL_FREED) return ALLOC_E_INVALID;
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  if (allocators::is_held_block(obj))
    return allocators::hold_block(const_cast<void*>(obj), *who, is_pool);
  alloc_info info;
  if (const int error = find_block(obj, info); error != ALLOC_OK) return error;
  if (!allocators::is_held_block(info.base)) {
    if (allocs::preload::has_children(info)) return ALLOC_E_HAS_CHILDREN;
    allocators::find_calls_by(call_of_program);
  }
  return allocators::hold_block(start_of(info), *who, is_pool);
}

ALLOCS_EXPORT int alloc_let_go(const void* obj, struct alloc_holder* holder) {
  Holder* const who = holder_of(holder);
  if (who == nullptr) return ALLOC_E_INVALID;
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  const bool is_explicit = who->kind == ALLOC_HOLDS_UNTIL_FREED;
  if (!is_explicit && allocators::is_held_block(obj))
    return allocators::let_go_of_block(const_cast<void*>(obj), *who);
  alloc_info info;
  if (const int error = find_block(obj, info); error != ALLOC_OK) return error;
  return is_explicit ? alloc_free(info.base) : allocators::let_go_of_block(start_of(info), *who);
}

ALLOCS_EXPORT int alloc_get_holders(const void* obj, struct alloc_held_by* holders,
                                    size_t capacity) {
  if (holders == nullptr && capacity != 0) return ALLOC_E_INVALID;
  alloc_info info;
  if (const int error = find_block(obj, info); error != ALLOC_OK) return error;
  size_t count = 0;
  const bool is_told =
      for_each_holder(info.base, kAttempts, [&](const Holder& holder, std::uint64_t times) {
        if (count < capacity) put_record(holder, times, holders[count]);
        ++count;
      });
  return is_told ? static_cast<int>(count) : ALLOC_E_NOT_YET;
}

ALLOCS_EXPORT int alloc_collect(struct alloc_collection* collection) {
  if (collection == nullptr) return ALLOC_E_INVALID;
  collection->candidates = collection->freed = collection->freed_bytes = 0;
  collection->obstacle = nullptr;
  collection->stop = {};
  if (allocators::others_are_stopped()) return ALLOC_E_STOPPED;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  if (!process.knows_mappings()) return ALLOC_E_REFUSED;
  return allocs::preload::collect(process, *collection);
}

ALLOCS_EXPORT void alloc_set_excess_free(alloc_excess_free* report, void* context) {
  allocators::report_excess_by(report, context);
}
ALLOCS_EXPORT uint64_t alloc_count_excess_frees(void) { return allocators::count_excess_frees(); }

ALLOCS_LIFETIME_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)

}  // extern "C"
