// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/other_names.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/heap_events.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/index/tables.h"

namespace allocs::allocators {

namespace {

// X(kind, name): how its arguments tell what it does.
#define ALLOCS_OTHER_NAMES(X)               \
  X(releases, dallocx)                      \
  X(releases, sdallocx)                     \
  X(allocates, mallocx)                     \
  X(resizes_with_flags, rallocx)            \
  X(releases, mi_free)                      \
  X(releases, mi_cfree)                     \
  X(releases, mi_free_size)                 \
  X(releases, mi_free_aligned)              \
  X(releases, mi_free_size_aligned)         \
  X(allocates, mi_malloc)                   \
  X(allocates, mi_malloc_small)             \
  X(allocates, mi_malloc_aligned)           \
  X(allocates, mi_zalloc)                   \
  X(allocates, mi_zalloc_small)             \
  X(allocates, mi_zalloc_aligned)           \
  X(allocates, mi_new)                      \
  X(allocates, mi_new_nothrow)              \
  X(allocates, mi_new_aligned)              \
  X(allocates_several, mi_calloc)           \
  X(allocates_several, mi_mallocn)          \
  X(allocates_several, mi_calloc_aligned)   \
  X(resizes, mi_realloc)                    \
  X(resizes_or_releases, mi_reallocf)       \
  X(resizes_and_more, mi_rezalloc)          \
  X(resizes_and_more, mi_realloc_aligned)   \
  X(resizes_to_several, mi_reallocn)        \
  X(resizes_to_several, mi_reallocarray)    \
  X(resizes_to_several_zeroed, mi_recalloc) \
  X(releases, tc_free)                      \
  X(releases, tc_cfree)                     \
  X(releases, tc_free_sized)                \
  X(releases, tc_delete)                    \
  X(releases, tc_delete_sized)              \
  X(releases, tc_deletearray)               \
  X(releases, tc_deletearray_sized)         \
  X(allocates, tc_malloc)                   \
  X(allocates, tc_new)                      \
  X(allocates, tc_newarray)                 \
  X(allocates_several, tc_calloc)           \
  X(resizes, tc_realloc)

enum Number : int {
#define ALLOCS_OTHER_NUMBER(kind, name) k_##name,
  ALLOCS_OTHER_NAMES(ALLOCS_OTHER_NUMBER) kCount
};

using Function = OtherFunction;
ALLOCS_APART constinit Function g_next_other[kCount] = {};

template <int kNumber>
std::uint64_t releases(std::uint64_t block, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  freed(reinterpret_cast<void*>(block));
  return g_next_other[kNumber](block, b, c, d);
}
template <int kNumber>
std::uint64_t allocates(std::uint64_t size, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  const std::uint64_t block = g_next_other[kNumber](size, b, c, d);
  return raw(address_of(allocated(reinterpret_cast<void*>(block), size, this_call())));
}
template <int kNumber>
std::uint64_t allocates_several(std::uint64_t count, std::uint64_t size, std::uint64_t c,
                                std::uint64_t d) {
  const std::uint64_t block = g_next_other[kNumber](count, size, c, d);
  return raw(address_of(allocated(reinterpret_cast<void*>(block), count * size, this_call())));
}
template <int kNumber>
std::uint64_t resizes(std::uint64_t block, std::uint64_t size, std::uint64_t c, std::uint64_t d) {
  return reallocate_by(g_next_other[kNumber], {block, size, c, d}, size, this_call());
}
template <int kNumber>
std::uint64_t resizes_or_releases(std::uint64_t block, std::uint64_t size, std::uint64_t c,
                                  std::uint64_t d) {
  const std::uint64_t moved = resizes<kNumber>(block, size, c, d);
  if (moved == 0 && !is_held_block(reinterpret_cast<void*>(block)))
    freed(reinterpret_cast<void*>(block));
  return moved;
}
// More than there can be, where it does not fit: 0 would mean that the block is freed.
std::size_t size_of_several(std::uint64_t count, std::uint64_t size) {
  std::size_t all = 0;
  return __builtin_mul_overflow(count, size, &all) ? ~std::size_t{0} : all;
}
template <int kNumber>
std::uint64_t resizes_to_several(std::uint64_t block, std::uint64_t count, std::uint64_t size,
                                 std::uint64_t d) {
  return reallocate_by(g_next_other[kNumber], {block, count, size, d}, size_of_several(count, size),
                       this_call());
}

// What they also do, to zero or to align, matters for held blocks only.
template <int kNumber>
constexpr Function resizes_with_flags = resizes<kNumber>;
template <int kNumber>
constexpr Function resizes_and_more = resizes<kNumber>;
template <int kNumber>
constexpr Function resizes_to_several_zeroed = resizes_to_several<kNumber>;

// ---- what they call once blocks have holders, instead of the allocator's ----

ALLOCS_APART constinit Function g_really_other[kCount] = {};

template <int kNumber>
std::uint64_t releases_unless_held(std::uint64_t block, std::uint64_t b, std::uint64_t c,
                                   std::uint64_t d) {
  void* const start = reinterpret_cast<void*>(block);
  if (may_be_held(start) && keeps_freed_block(start)) return 0;
  return g_really_other[kNumber](block, b, c, d);
}
// `may_stay`: it is enough that a block which others hold gets another size.
template <int kNumber>
std::uint64_t resize_unless_held(std::array<std::uint64_t, 4> arguments, std::size_t size,
                                 bool may_stay) {
  const ResizeCall resize = [](void* given) {
    const auto& [block, b, c, d] = *static_cast<const std::array<std::uint64_t, 4>*>(given);
    return g_really_other[kNumber](block, b, c, d);
  };
  void* const start = reinterpret_cast<void*>(arguments[0]);
  if (!may_be_held(start)) return resize(&arguments);
  return raw(address_of(reallocate_held(start, size, resize, &arguments, may_stay)));
}
template <int kNumber>
std::uint64_t resizes_unless_held(std::uint64_t block, std::uint64_t size, std::uint64_t c,
                                  std::uint64_t d) {
  return resize_unless_held<kNumber>({block, size, c, d}, size, true);
}
template <int kNumber>
std::uint64_t resizes_with_flags_unless_held(std::uint64_t block, std::uint64_t size,
                                             std::uint64_t flags, std::uint64_t d) {
  return resize_unless_held<kNumber>({block, size, flags, d}, size,
                                     static_cast<std::uint32_t>(flags) == 0);
}
template <int kNumber>
std::uint64_t resizes_and_more_unless_held(std::uint64_t block, std::uint64_t size, std::uint64_t c,
                                           std::uint64_t d) {
  return resize_unless_held<kNumber>({block, size, c, d}, size, false);
}
template <int kNumber>
std::uint64_t resize_to_several_unless_held(std::array<std::uint64_t, 4> arguments, bool may_stay) {
  const std::size_t size = size_of_several(arguments[1], arguments[2]);
  return resize_unless_held<kNumber>(arguments, size, may_stay);
}
template <int kNumber>
std::uint64_t resizes_to_several_unless_held(std::uint64_t block, std::uint64_t count,
                                             std::uint64_t size, std::uint64_t d) {
  return resize_to_several_unless_held<kNumber>({block, count, size, d}, true);
}
template <int kNumber>
std::uint64_t resizes_to_several_zeroed_unless_held(std::uint64_t block, std::uint64_t count,
                                                    std::uint64_t size, std::uint64_t d) {
  return resize_to_several_unless_held<kNumber>({block, count, size, d}, false);
}
// Frees the block if it fails, once: so a held one is resized by the allocator's plain realloc, which leaves that to us. One that others hold stays theirs.
template <int kNumber>
std::uint64_t resizes_or_releases_unless_held(std::uint64_t block, std::uint64_t size,
                                              std::uint64_t c, std::uint64_t d) {
  void* const start = reinterpret_cast<void*>(block);
  if (!may_be_held(start)) return g_really_other[kNumber](block, size, c, d);
  PlainResize arguments{start, size};
  void* const moved = reallocate_held(start, size, resize_really, &arguments);
  if (moved == nullptr && size != 0 && !keeps_freed_block(start)) free_really(start);
  return raw(address_of(moved));
}
template <int kNumber>
constexpr Function allocates_unless_held = nullptr;
template <int kNumber>
constexpr Function allocates_several_unless_held = nullptr;

// Apart from the functions: what holds no pointer the loader leaves alone.
#define ALLOCS_OTHER_NAME(kind, name) SymbolName(#name),
constexpr SymbolName kNames[kCount] = {ALLOCS_OTHER_NAMES(ALLOCS_OTHER_NAME)};

struct Functions {
  Function own;
  Function watcher;  // nullptr: it takes no block
};
// NOLINTNEXTLINE(bugprone-macro-parentheses): `kind` is the name of a template.
#define ALLOCS_OTHER_FUNCTIONS(kind, name) {kind<k_##name>, kind##_unless_held<k_##name>},
constexpr Functions kFunctions[kCount] = {ALLOCS_OTHER_NAMES(ALLOCS_OTHER_FUNCTIONS)};

// Where an object's relocations are, and what the loader has made read-only since.
struct Relocations {
  const ElfW(Rela) * begin = nullptr;
  std::uint64_t size = 0;
};
struct Tables {
  Relocations data{};
  Relocations calls{};
};

template <typename T>
const T* pointer_in(const link_map& object, std::uint64_t value) {
  return reinterpret_cast<const T*>(value < object.l_addr ? value + object.l_addr : value);
}

Tables tables_of(const link_map& object) {
  Tables tables;
  for (const ElfW(Dyn)* entry = object.l_ld; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_RELA:
        tables.data.begin = pointer_in<ElfW(Rela)>(object, entry->d_un.d_ptr);
        break;
      case DT_RELASZ:
        tables.data.size = entry->d_un.d_val;
        break;
      case DT_JMPREL:
        tables.calls.begin = pointer_in<ElfW(Rela)>(object, entry->d_un.d_ptr);
        break;
      case DT_PLTRELSZ:
        tables.calls.size = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
  return tables;
}

Function own_function_of(const DynamicSymbols& symbols, std::uint32_t symbol) {
  const char* const name = symbols.name_of(symbol);
  for (int i = 0; name != nullptr && i < kCount; ++i) {
    if (kNames[i].text() == name && g_next_other[i] != nullptr) return kFunctions[i].own;
  }
  return nullptr;
}

std::optional<index::ModuleRecord> module_of(const link_map& object) {
  return index::module_at(TrustedMemory{}, g_root,
                          address_of(static_cast<const void*>(object.l_ld)));
}
AddressRange range_of(const link_map& object) {
  const auto module = module_of(object);
  return module ? AddressRange{module->begin, module->end} : AddressRange{};
}

// The object's segment of relocated data that is read-only now.
AddressRange read_only_after_relocation(const link_map& object) {
  const auto module = module_of(object);
  if (!module) return {};
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(raw(module->phdrs));
  for (std::uint32_t i = 0; i < module->phdr_count; ++i) {
    if (headers[i].p_type != PT_GNU_RELRO) continue;
    constexpr std::uint64_t kPage = 4096;
    const std::uint64_t begin = object.l_addr + headers[i].p_vaddr;
    return {Address{begin & ~(kPage - 1)}, Address{(begin + headers[i].p_memsz) & ~(kPage - 1)}};
  }
  return {};
}

// Those to functions of the allocator, whose object is `owner`, that we stand in for.
void change_references(const link_map& object, Relocations relocations, AddressRange owner) {
  const DynamicSymbols symbols(object);
  const AddressRange itself = range_of(object);
  const AddressRange read_only = read_only_after_relocation(object);
  for (std::uint64_t i = 0; i < relocations.size / sizeof(ElfW(Rela)); ++i) {
    const ElfW(Rela)& each = relocations.begin[i];
    const std::uint64_t type = ELF64_R_TYPE(each.r_info);
    const bool is_reference =
        type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT || type == R_X86_64_64;
    if (!is_reference || each.r_addend != 0) continue;
    // Where it leads tells most apart, and is in memory already, which names are not: into the allocator, or, of a call that was not
    // made yet, into the object itself.
    const Address now{index::load_relaxed(
        *reinterpret_cast<const std::uint64_t*>(object.l_addr + each.r_offset))};
    if (!owner.contains(now) && (type != R_X86_64_JUMP_SLOT || !itself.contains(now))) continue;
    const Function own =
        own_function_of(symbols, static_cast<std::uint32_t>(ELF64_R_SYM(each.r_info)));
    if (own == nullptr) continue;
    const std::uint64_t place = object.l_addr + each.r_offset;
    const bool is_read_only = read_only.contains(Address{place});
    const std::uint64_t pages = place & ~std::uint64_t{4095};
    constexpr std::uint64_t kSize = 4096;
    if (is_read_only && !raw_syscall(SYS_mprotect, pages, kSize, PROT_READ | PROT_WRITE).ok())
      continue;
    index::store_release(*reinterpret_cast<Function*>(place), own);
    if (is_read_only) raw_syscall(SYS_mprotect, pages, kSize, PROT_READ);
  }
}

}  // namespace

void watch_other_frees() {
  for (int i = 0; i < kCount; ++i) {
    Function& next = g_next_other[i];
    if (kFunctions[i].watcher == nullptr || next == nullptr) continue;
    g_really_other[i] = next;
    index::store_release(next, kFunctions[i].watcher);
  }
}

[[ALLOCS_ONCE]] void watch_other_names() {
  const link_map* const self = our_object();
  if (self == nullptr || g_root.malloc_kind != index::MallocKind::foreign) return;
  const link_map* const owner = definer_of("malloc", self->l_next);
  if (owner == nullptr) return;
  const DynamicSymbols offered(*owner);
  bool has_any = false;
  for (int i = 0; i < kCount; ++i) {
    g_next_other[i] = reinterpret_cast<Function>(offered.address_of(kNames[i]));
    has_any |= g_next_other[i] != nullptr;
  }
  if (!has_any) return;
  const AddressRange place = range_of(*owner);
  for (const link_map* object = first_object(); object != nullptr; object = object->l_next) {
    if (object == self || object == owner) continue;
    const Tables tables = tables_of(*object);
    change_references(*object, tables.data, place);
    change_references(*object, tables.calls, place);
  }
}

}  // namespace allocs::allocators
