// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/malloc_family.h"

#include <errno.h>
#include <link.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runt/self.h"
#include "runtime/allocators/deep_binding.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/operators.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/state.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

constinit bool g_records_rare_functions = true;

// What stands in for a function that nobody defines.
template <typename Result, typename... Arguments>
Result absent(Arguments...) {
  return Result();
}
int absent_posix_memalign(void**, std::size_t, std::size_t) { return ENOMEM; }

template <typename Function>
void set_next(Function& slot, void* address, Function absent) {
  store_release(slot, address == nullptr ? absent : reinterpret_cast<Function>(address));
}

// ---- what the pointers are until the function is found: find it, and call on ----

[[ALLOCS_EVERY_PROCESS]] void* first_malloc(std::size_t size) {
  find_malloc_family();
  return g_next.malloc(size);
}
[[ALLOCS_EVERY_PROCESS]] void first_free(void* block) {
  find_malloc_family();
  g_next.free(block);
}
[[ALLOCS_EVERY_PROCESS]] void* first_calloc(std::size_t count, std::size_t size) {
  find_malloc_family();
  return g_next.calloc(count, size);
}
[[ALLOCS_EVERY_PROCESS]] void* first_realloc(void* block, std::size_t size) {
  find_malloc_family();
  return g_next.realloc(block, size);
}
// The others are found one by one, by whoever calls them.
template <auto kSlot, SymbolName kName, typename Result, typename... Arguments>
Result first_rare(Arguments... arguments) {
  set_next(g_next.*kSlot, next_definition_of(kName), absent<Result, Arguments...>);
  return (g_next.*kSlot)(arguments...);
}
int first_posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  set_next(g_next.posix_memalign, next_definition_of("posix_memalign"), absent_posix_memalign);
  return g_next.posix_memalign(block, alignment, size);
}

// ---- looking through the link map ----

// The functions that every program calls, each where the loader would find it.
struct CommonFunctions {
  enum : std::size_t { malloc, free, calloc, realloc, kCount };
  static constexpr SymbolName kNames[kCount] = {"malloc", "free", "calloc", "realloc"};
  void* found[kCount] = {};
  const link_map* definer_of_malloc = nullptr;

  bool are_complete() const {
    for (void* const each : found) {
      if (each == nullptr) return false;
    }
    return true;
  }

  // Those that are missing, in one walk through the objects from `object` on.
  void find_from(const link_map* object) {
    for (; object != nullptr && !are_complete(); object = object->l_next) {
      if (object->l_ld == _DYNAMIC) continue;
      const DynamicSymbols symbols(*object);
      for (std::size_t i = 0; i < kCount; ++i) {
        if (found[i] != nullptr) continue;
        found[i] = undirected(kNames[i], symbols.address_of(kNames[i]));
        if (i == malloc && found[i] != nullptr) definer_of_malloc = object;
      }
    }
  }
};

bool is_c_library(const link_map& object) {
  return DynamicSymbols(object).find("gnu_get_libc_version") != nullptr;
}

// Where address space or private memory is limited, other allocators end the program or crash when what we took is
// what they lack, so it is left to them unless there is plenty.
bool is_plenty_of_addresses(std::size_t size) {
  const auto is_plenty = [&](int resource) {
    rlimit limit{};
    return !raw_syscall(SYS_prlimit64, 0, resource, 0, &limit).ok() || size <= limit.rlim_cur / 4;
  };
  return is_plenty(RLIMIT_AS) && is_plenty(RLIMIT_DATA);
}

// In place of the hooks' directory, which stays empty. False: there is no memory for them.
bool open_foreign_directories() {
  if (g_root.fine_directory != Address{}) return true;
  constexpr std::size_t kDirectory = kRegionCount * sizeof(std::uint64_t);
  if (!is_plenty_of_addresses(2 * kDirectory)) return false;
  void* const directories = map_own_pages(2 * kDirectory);
  if (directories == nullptr) return false;
  store_release(g_root.directory, address_of(directories));
  store_release(g_root.fine_directory, address_of(directories) + kDirectory);
  return true;
}

}  // namespace

constinit MallocFamily g_next{
    first_malloc,
    first_free,
    first_calloc,
    first_realloc,
    first_rare<&MallocFamily::memalign, "memalign">,
    first_rare<&MallocFamily::aligned_alloc, "aligned_alloc">,
    first_posix_memalign,
    first_rare<&MallocFamily::valloc, "valloc">,
    first_rare<&MallocFamily::pvalloc, "pvalloc">,
    first_rare<&MallocFamily::malloc_usable_size, "malloc_usable_size">,
    first_rare<&MallocFamily::reallocarray, "reallocarray">,
};

[[ALLOCS_ONCE]] void find_malloc_family() {
  if (g_root.size == 0) refuse_huge_pages(&g_hot, sizeof(g_hot));
  open_root();
  const link_map* const self = our_object();
  // In the objects after us, or in all when we were not preloaded but come last.
  const link_map* from = self == nullptr ? first_object() : self->l_next;
  CommonFunctions next;
  next.find_from(from);
  if (next.definer_of_malloc == nullptr) from = first_object();
  next.find_from(first_object());
  // Last: who finds them set calls them.
  const auto publish = [&]() ALLOCS_EVERY_PROCESS_LAMBDA {
    set_next(g_next.free, next.found[CommonFunctions::free], absent<void, void*>);
    set_next(g_next.calloc, next.found[CommonFunctions::calloc],
             absent<void*, std::size_t, std::size_t>);
    set_next(g_next.realloc, next.found[CommonFunctions::realloc],
             absent<void*, void*, std::size_t>);
    set_next(g_next.malloc, next.found[CommonFunctions::malloc], absent<void*, std::size_t>);
  };
  const link_map* const definer = next.definer_of_malloc;
  if (definer == nullptr) return publish();

  MallocKind kind = is_c_library(*definer) ? MallocKind::libc : MallocKind::foreign;
  const link_map* const first = definer_of("malloc", first_object(), self);
  const link_map* const bypassing = self == nullptr ? definer : first;
  const bool is_foreign = kind == MallocKind::foreign;
  const bool can_index = has_known_loader() && (!is_foreign || open_foreign_directories());
  find_operators(from, is_foreign ? definer : nullptr);
  if (!can_index) store_release(g_indexes_nothing, true);
  if (bypassing != nullptr || !can_index) {
    kind = MallocKind::bypassed;
    store_release(g_records_rare_functions, false);
  }
  publish();
  g_root.malloc_owner_path = address_of((bypassing != nullptr ? bypassing : definer)->l_name);
  store_release(g_root.malloc_kind, kind);
  const link_map* const libc =
      kind == MallocKind::libc ? definer : definer_of("gnu_get_libc_version", first_object());
  if (libc != nullptr) {
    const DynamicSymbols symbols(*libc);
    void* const lookup = symbols.address_of("_dl_find_object");
    set_c_library(address_of(libc->l_ld), lookup, symbols.address_of("dl_iterate_phdr"));
    runt::self::set_loader_lookup(lookup);
  }
}

[[ALLOCS_EVERY_PROCESS]] bool realloc_is_anothers() {
  enum : std::uint32_t { unknown = 0, ours, anothers };
  static constinit std::uint32_t whose = unknown;
  std::uint32_t known = load_relaxed(whose);
  if (known == unknown) {
    const link_map* const self = our_object();
    known =
        self != nullptr && definer_of("realloc", first_object(), self) != nullptr ? anothers : ours;
    store_relaxed(whose, known);
  }
  return known == anothers;
}

bool records_rare_functions() { return load_relaxed(g_records_rare_functions); }

[[ALLOCS_ONCE]] void* c_library_function(const SymbolName& name) {
  const link_map* const libc = definer_of("gnu_get_libc_version", first_object());
  return libc == nullptr ? nullptr : undirected(name, DynamicSymbols(*libc).address_of(name));
}

[[ALLOCS_ONCE]] void* next_definition_of(const SymbolName& name) {
  const link_map* const self = our_object();
  void* const found = self == nullptr ? nullptr : definition_of(name, self->l_next);
  return undirected(name, found != nullptr ? found : definition_of(name, first_object()));
}

}  // namespace allocs::allocators
