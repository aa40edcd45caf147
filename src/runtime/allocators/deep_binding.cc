// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/deep_binding.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/second_names.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

struct Redirected {
  SymbolName name;
  bool is_of_malloc;
};
constexpr Redirected kNames[] = {
    {"malloc", true},          {"free", true},
    {"calloc", true},          {"realloc", true},
    {"reallocarray", true},    {"memalign", true},
    {"aligned_alloc", true},   {"posix_memalign", true},
    {"valloc", true},          {"pvalloc", true},
    {"cfree", true},           {"__libc_malloc", true},
    {"__libc_free", true},     {"__libc_calloc", true},
    {"__libc_realloc", true},  {"__libc_memalign", true},
    {"__libc_valloc", true},   {"__libc_pvalloc", true},
    {"pthread_create", false}, {"__cxa_finalize", false},
    {"prctl", false},          {"syscall", false},
    {"mmap", false},           {"mmap64", false},
    {"munmap", false},         {"mremap", false},
};
constexpr std::size_t kCount = std::size(kNames);
constexpr std::uint64_t kPage = 4096;

// One of our names in the object that defines it after us.
struct Target {
  const link_map* definer = nullptr;  // nullptr: it stays
  void* original = nullptr;
  void* own = nullptr;
};
constinit Target g_targets[kCount] = {};
constinit std::uint32_t g_begun = 0;
constinit std::uint32_t g_are_saved = 0;

// Whether the pages are read-only data, which nobody runs in while they may be written to.
bool are_plain_data(const ModuleRecord& module, AddressRange pages) {
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(raw(module.phdrs));
  for (std::uint32_t i = 0; i < module.phdr_count; ++i) {
    if (headers[i].p_type != PT_LOAD) continue;
    const std::uint64_t begin = module.bias + headers[i].p_vaddr;
    const AddressRange segment{Address{begin & ~(kPage - 1)},
                               Address{(begin + headers[i].p_memsz + kPage - 1) & ~(kPage - 1)}};
    if (segment.contains(pages.begin))
      return headers[i].p_flags == PF_R && pages.end <= segment.end;
  }
  return false;
}

template <typename Act>
void for_each_symbol_in(const link_map& definer, Act act) {
  const DynamicSymbols symbols(definer);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (g_targets[i].definer == &definer)
      symbols.for_each(kNames[i].name, [&](const ElfW(Sym) & symbol) {
        // (What an indirect one has is the address of a resolver.)
        if (ELF64_ST_TYPE(symbol.st_info) != STT_GNU_IFUNC) act(symbol, g_targets[i]);
      });
  }
}

void redirect(const link_map& definer) {
  std::uint64_t low = ~std::uint64_t{0};
  std::uint64_t high = 0;
  for_each_symbol_in(definer, [&](const ElfW(Sym) & symbol, const Target&) {
    low = std::min(low, raw(address_of(&symbol)));
    high = std::max(high, raw(address_of(&symbol + 1)));
  });
  if (low >= high) return;
  low &= ~(kPage - 1);
  high = (high + kPage - 1) & ~(kPage - 1);
  const ModuleOfCode module = module_of_code(Address{low});
  if (module.record == nullptr || !are_plain_data(*module.record, {Address{low}, Address{high}}) ||
      !raw_syscall(SYS_mprotect, low, high - low, PROT_READ | PROT_WRITE).ok())
    return;
  for_each_symbol_in(definer, [&](const ElfW(Sym) & symbol, const Target& target) {
    store_release(const_cast<ElfW(Sym)&>(symbol).st_value,
                  raw(address_of(target.own)) - definer.l_addr);
  });
  raw_syscall(SYS_mprotect, low, high - low, PROT_READ);
}

}  // namespace

void redirect_deep_bindings() {
  std::uint32_t not_yet = 0;
  const link_map* const self = our_object();
  if (self == nullptr || is_sandboxed() || !compare_exchange(g_begun, not_yet, 1u)) return;
  const bool with_malloc =
      second_names_are_of_the_allocator() && load_relaxed(g_root.malloc_kind) == MallocKind::libc;
  const DynamicSymbols own(*self);
  for (std::size_t i = 0; i < kCount; ++i) {
    const SymbolName& name = kNames[i].name;
    if (kNames[i].is_of_malloc && !with_malloc) continue;
    const link_map* const definer = definer_of(name, self->l_next);
    if (definer == nullptr) continue;
    g_targets[i] = {definer, DynamicSymbols(*definer).address_of(name), own.address_of(name)};
  }
  store_release(g_are_saved, 1u);
  // Whoever looks for a next definition finds the original from here on.

  // Each of the definers once. They were there at the start, and stay: other objects may go while we look.
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto is_definer = [i](const Target& other) {
      return other.definer == g_targets[i].definer;
    };
    if (g_targets[i].definer != nullptr && std::none_of(g_targets, g_targets + i, is_definer))
      redirect(*g_targets[i].definer);
  }
}

[[ALLOCS_EVERY_PROCESS]] void* undirected(const SymbolName& name, void* found) {
  if (load_acquire(g_are_saved) == 0) return found;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (g_targets[i].own != nullptr && g_targets[i].own == found &&
        kNames[i].name.text() == name.text())
      return g_targets[i].original;
  }
  return found;
}

}  // namespace allocs::allocators
