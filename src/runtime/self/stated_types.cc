// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/stated_types.h"

#include <optional>

#include "runtime/allocators/base_level.h"
#include "runtime/self/fact_caches.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"

namespace allocs::self {

namespace {

constinit ProcessLock g_lock;
constexpr unsigned kPatience = 2000;  // ms

// Both lists only grow, and are short: pairs of place and type, and typed mappings. What is forgotten makes room for the next.
struct TypedSite {
  std::uint32_t original;
  std::uint32_t id;
  uniqtype* type;
  TypedSite* next;
};
constinit TypedSite* g_sites = nullptr;  // under the lock

struct TypedMapping {
  std::atomic<std::uint64_t> changes;  // odd while it is being changed
  MappingIdentity identity;
  uniqtype* type;
  TypedMapping* next;
};
constinit std::atomic<TypedMapping*> g_mappings{nullptr};

std::uint32_t original_of(std::uint32_t site) {
  for (const TypedSite* each = g_sites; each != nullptr; each = each->next) {
    if (each->id == site) return each->original;
  }
  return site;
}

// Of the type, or of the element of an array without end; 0 if that is not known.
std::uint64_t size_of_unit(const uniqtype& type) {
  const auto& record = types::record_of(type);
  const bool is_unbounded = record.kind == types::Kind::array && record.count == types::kUnbounded;
  const uniqtype* unit = is_unbounded ? type.related[0].un.t.ptr : &type;
  const std::uint64_t size = unit == nullptr ? 0 : types::size_of(*unit);
  return size == types::kUnknownSize ? 0 : size;
}

// What is known of the place, with the stated type.
bool put_facts(const SelfProcess& process, std::uint32_t original, std::uint32_t id,
               uniqtype* type) {
  query::SiteFacts facts = process.site_facts(original);
  facts.type = type;
  facts.type_error = ALLOC_OK;
  facts.unit = size_of_unit(*type);
  facts.shape = types::Shape::flexible;
  facts.grade = ALLOC_GRADE_EXACT;
  facts.evidence = ALLOC_EV_STATED;
  facts.is_final = true;
  g_site_facts.put(id, facts);
  return g_site_facts.find(id) != nullptr;
}

std::uint32_t site_with_type(const SelfProcess& process, std::uint32_t original, uniqtype* type) {
  for (const TypedSite* each = g_sites; each != nullptr; each = each->next) {
    if (each->original == original && each->type == type) return each->id;
  }
  auto* const made = static_cast<TypedSite*>(allocate(sizeof(TypedSite)));
  const std::uint32_t id = made == nullptr ? 0 : allocators::add_typed_site(original);
  if (id == 0 || !put_facts(process, original, id, type)) return 0;
  *made = {.original = original, .id = id, .type = type, .next = g_sites};
  g_sites = made;
  return id;
}

TypedMapping* find_mapping(const MappingIdentity& identity) {
  for (TypedMapping* each = g_mappings.load(std::memory_order_acquire); each != nullptr;
       each = each->next) {
    if (each->identity == identity) return each;
  }
  return nullptr;
}

// One at a time.
void change_mapping(TypedMapping& place, const MappingIdentity& identity, uniqtype* type) {
  place.changes.fetch_add(1, std::memory_order_acq_rel);
  place.identity = identity;
  place.type = type;
  place.changes.fetch_add(1, std::memory_order_acq_rel);
}

struct ToldMapping {
  MappingIdentity identity;
  uniqtype* type;
};
// Nothing while it is being changed.
std::optional<ToldMapping> read_mapping(const TypedMapping& place) {
  const std::uint64_t before = place.changes.load(std::memory_order_acquire);
  const ToldMapping told{place.identity, place.type};
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool is_whole = before % 2 == 0 && place.changes.load(std::memory_order_relaxed) == before;
  return is_whole ? std::optional(told) : std::nullopt;
}

}  // namespace

bool fits_in(const uniqtype& type, std::uint64_t size) {
  const std::uint64_t unit = size_of_unit(type);
  return unit != 0 && unit <= size;
}

int state_type_of_block(const SelfProcess& process, Address block, std::uint64_t size,
                        uniqtype* type) {
  if (!fits_in(*type, size)) return ALLOC_E_DOES_NOT_FIT;
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return guard.error();
  void* const start = reinterpret_cast<void*>(raw(block));
  const auto site = allocators::site_of_block(start);
  if (!site) return ALLOC_E_NOTHING_THERE;
  const std::uint32_t original = original_of(*site);
  if (original < index::kFirstSite) return ALLOC_E_UNINDEXED;
  const std::uint32_t typed = site_with_type(process, original, type);
  if (typed == 0) return ALLOC_E_NO_MEMORY;
  return allocators::replace_site(start, *site, typed) ? ALLOC_OK : ALLOC_E_NOTHING_THERE;
}

int state_type_of_mapping(const MappingIdentity& mapping, uniqtype* type) {
  if (mapping.inode == 0) return ALLOC_E_NO_IDENTITY;
  const ProcessLock::Guard guard(g_lock, kPatience);
  if (!guard.is_held()) return guard.error();
  TypedMapping* place = find_mapping(mapping);
  if (place == nullptr) place = find_mapping(MappingIdentity{});
  const bool is_new = place == nullptr;
  if (is_new) place = static_cast<TypedMapping*>(allocate(sizeof(TypedMapping)));
  if (place == nullptr) return ALLOC_E_NO_MEMORY;
  change_mapping(*place, mapping, type);
  if (!is_new) return ALLOC_OK;
  place->next = g_mappings.load(std::memory_order_relaxed);
  g_mappings.store(place, std::memory_order_release);
  return ALLOC_OK;
}

uniqtype* stated_type_of(const MappingIdentity& mapping) {
  for (const TypedMapping* each = g_mappings.load(std::memory_order_acquire); each != nullptr;
       each = each->next) {
    const auto told = read_mapping(*each);
    if (told && told->identity == mapping) return told->type;
  }
  return nullptr;
}

void move_stated_type(const MappingIdentity& from, Address to) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  TypedMapping* const place = guard.is_held() ? find_mapping(from) : nullptr;
  if (place != nullptr) change_mapping(*place, {to, from.device, from.inode}, place->type);
}

void forget_stated_type(const MappingIdentity& mapping) {
  const ProcessLock::Guard guard(g_lock, kPatience);
  TypedMapping* const place = guard.is_held() ? find_mapping(mapping) : nullptr;
  if (place != nullptr) change_mapping(*place, {}, nullptr);
}

void visit_stated_mappings(bool (*visit)(const MappingIdentity&, void*), void* context) {
  for (const TypedMapping* each = g_mappings.load(std::memory_order_acquire); each != nullptr;
       each = each->next) {
    const auto told = read_mapping(*each);
    if (told && told->identity.inode != 0 && !visit(told->identity, context)) return;
  }
}

std::uint64_t count_stated_mappings() {
  std::uint64_t count = 0;
  for (const TypedMapping* each = g_mappings.load(std::memory_order_acquire); each != nullptr;
       each = each->next)
    ++count;
  return count;
}

}  // namespace allocs::self
