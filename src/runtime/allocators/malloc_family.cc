// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/malloc_family.h"

#include <errno.h>
#include <link.h>

#include "runt/self.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/operators.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/state.h"
#include "runtime/index/find_block.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

constinit bool g_records_rare_functions = true;

// ---- what the pointers are until the family is found: find it, and call on ----

void* first_malloc(std::size_t size) {
  find_malloc_family();
  return g_next.malloc(size);
}
void first_free(void* block) {
  find_malloc_family();
  g_next.free(block);
}
void* first_calloc(std::size_t count, std::size_t size) {
  find_malloc_family();
  return g_next.calloc(count, size);
}
void* first_realloc(void* block, std::size_t size) {
  find_malloc_family();
  return g_next.realloc(block, size);
}
void* first_memalign(std::size_t alignment, std::size_t size) {
  find_malloc_family();
  return g_next.memalign(alignment, size);
}
void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  find_malloc_family();
  return g_next.aligned_alloc(alignment, size);
}
int first_posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  find_malloc_family();
  return g_next.posix_memalign(block, alignment, size);
}
void* first_valloc(std::size_t size) {
  find_malloc_family();
  return g_next.valloc(size);
}
void* first_pvalloc(std::size_t size) {
  find_malloc_family();
  return g_next.pvalloc(size);
}
std::size_t first_malloc_usable_size(void* block) {
  find_malloc_family();
  return g_next.malloc_usable_size(block);
}

// ---- what stands in for a function that the allocator does not have ----

constexpr std::size_t kPageSize = 4096;

void* no_memalign(std::size_t, std::size_t) { return nullptr; }
void* memalign_by_posix(std::size_t alignment, std::size_t size) {
  void* block = nullptr;
  const std::size_t least = alignment < sizeof(void*) ? sizeof(void*) : alignment;
  return g_next.posix_memalign(&block, least, size) == 0 ? block : nullptr;
}
int posix_by_memalign(void** block, std::size_t alignment, std::size_t size) {
  if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* const made = g_next.memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
void* valloc_by_memalign(std::size_t size) { return g_next.memalign(kPageSize, size); }
void* pvalloc_by_memalign(std::size_t size) {
  return g_next.memalign(kPageSize, (size + kPageSize - 1) & ~(kPageSize - 1));
}
std::size_t usable_size_by_index(void* block) {
  const auto known = find_block(TrustedMemory{}, g_root, address_of(block));
  return known && known->base == address_of(block) ? known->size : 0;
}

// ---- looking through the link map ----

// The objects in which a function is looked for: the definer of malloc, then those between it and `stop`.
struct Scope {
  const link_map* definer;
  const link_map* stop;
  DynamicSymbols symbols{*definer};

  void* find(const SymbolName& name) const {
    void* const found = symbols.address_of(name);
    return found != nullptr ? found : definition_of(name, definer->l_next, stop);
  }
};

template <typename Function>
void find_next(Function& slot, const SymbolName& name, const Scope& scope, Function fallback) {
  void* const address = scope.find(name);
  store_release(slot, address == nullptr ? fallback : reinterpret_cast<Function>(address));
}

bool is_c_library(const link_map& object) {
  return DynamicSymbols(object).find("gnu_get_libc_version") != nullptr;
}

void open_fine_directory() {
  if (g_root.fine_directory != Address{}) return;
  void* const directory = map_own_pages(kRegionCount * sizeof(std::uint64_t));
  store_release(g_root.fine_directory, address_of(directory));
}

void find_functions(const Scope& scope) {
  const bool has_posix = scope.find("posix_memalign") != nullptr;
  find_next(g_next.posix_memalign, "posix_memalign", scope, posix_by_memalign);
  find_next(g_next.memalign, "memalign", scope, has_posix ? memalign_by_posix : no_memalign);
  find_next(g_next.aligned_alloc, "aligned_alloc", scope, g_next.memalign);
  find_next(g_next.valloc, "valloc", scope, valloc_by_memalign);
  find_next(g_next.pvalloc, "pvalloc", scope, pvalloc_by_memalign);
  find_next(g_next.malloc_usable_size, "malloc_usable_size", scope, usable_size_by_index);
  find_next(g_next.calloc, "calloc", scope, g_next.calloc);
  find_next(g_next.realloc, "realloc", scope, g_next.realloc);
  find_next(g_next.free, "free", scope, g_next.free);
  find_next(g_next.malloc, "malloc", scope, g_next.malloc);
}

}  // namespace

constinit MallocFamily g_next{first_malloc,         first_free,
                              first_calloc,         first_realloc,
                              first_memalign,       first_aligned_alloc,
                              first_posix_memalign, first_valloc,
                              first_pvalloc,        first_malloc_usable_size};

void find_malloc_family() {
  if (g_root.size == 0) refuse_huge_pages(&g_hot, sizeof(g_hot));
  open_root();
  const link_map* const self = our_object();
  // In the objects after us, or in all when we were not preloaded but come last.
  const link_map* from = self == nullptr ? _r_debug.r_map : self->l_next;
  const link_map* definer = definer_of("malloc", from);
  if (definer == nullptr) {
    from = _r_debug.r_map;
    definer = definer_of("malloc", from);
  }
  if (definer == nullptr) return;

  MallocKind kind = is_c_library(*definer) ? MallocKind::libc : MallocKind::foreign;
  const link_map* const first = definer_of("malloc", _r_debug.r_map, self);
  const link_map* const bypassing = self == nullptr ? definer : first;
  if (kind == MallocKind::foreign) open_fine_directory();
  find_functions(kind == MallocKind::foreign ? Scope{definer, definer->l_next}
                                             : Scope{definer, nullptr});
  find_operators(from, kind == MallocKind::foreign ? definer : nullptr);
  if (bypassing != nullptr) {
    kind = MallocKind::bypassed;
    store_release(g_records_rare_functions, false);
  }
  g_root.malloc_owner_path = address_of((bypassing != nullptr ? bypassing : definer)->l_name);
  store_release(g_root.malloc_kind, kind);
  const link_map* const libc =
      kind == MallocKind::libc ? definer : definer_of("gnu_get_libc_version", _r_debug.r_map);
  if (libc != nullptr) {
    void* const lookup = DynamicSymbols(*libc).address_of("_dl_find_object");
    set_loader_lookup(lookup, DynamicSymbols(*libc).address_of("dl_iterate_phdr"));
    runt::self::set_loader_lookup(lookup);
  }
}

bool records_rare_functions() { return load_relaxed(g_records_rare_functions); }

void* c_library_function(const SymbolName& name) {
  const link_map* const libc = definer_of("gnu_get_libc_version", _r_debug.r_map);
  return libc == nullptr ? nullptr : DynamicSymbols(*libc).address_of(name);
}

void* next_definition_of(const SymbolName& name) {
  const link_map* const self = our_object();
  void* const found = self == nullptr ? nullptr : definition_of(name, self->l_next);
  return found != nullptr ? found : definition_of(name, _r_debug.r_map);
}

}  // namespace allocs::allocators
