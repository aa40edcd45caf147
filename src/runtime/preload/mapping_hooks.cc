// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <algorithm>

#include "base/export.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/pieces.h"
#include "runtime/index/word.h"

// Mappings that come and go: the pieces of what was there go with them. Nothing else is done, and nothing at all in a program without
// declared sub-allocators. What the C library and the loader map for themselves does not come by here.

using namespace allocs;
using allocators::forget_pieces;
using allocators::next_definition_of;
using allocators::SymbolName;

namespace {

using Map = void* (*)(void*, std::size_t, int, int, int, off_t);
using Unmap = int (*)(void*, std::size_t);
using Remap = void* (*)(void*, std::size_t, std::size_t, int, void*);

constinit Map g_mmap = nullptr;
constinit Unmap g_munmap = nullptr;
constinit Remap g_mremap = nullptr;

// Looked for when it is first needed: most programs map nothing themselves.
template <typename Function>
Function next(Function& known, const SymbolName& name) {
  Function found = index::load_relaxed(known);
  if (found == nullptr) [[unlikely]] {
    found = reinterpret_cast<Function>(next_definition_of(name));
    index::store_relaxed(known, found);
  }
  return found;
}

// The kernel maps and unmaps whole pages.
AddressRange range_of(const void* begin, std::size_t size) {
  constexpr std::size_t kPage = 4096;
  return {address_of(begin), address_of(begin) + ((size + kPage - 1) & ~(kPage - 1))};
}

}  // namespace

extern "C" {

ALLOCS_EXPORT void* mmap(void* at, std::size_t size, int protection, int flags, int file,
                         off_t offset) {
  void* const made = next(g_mmap, "mmap")(at, size, protection, flags, file, offset);
  if (made != MAP_FAILED) forget_pieces(range_of(made, size));
  return made;
}
ALLOCS_EXPORT void* mmap64(void* at, std::size_t size, int protection, int flags, int file,
                           off_t offset) {
  return mmap(at, size, protection, flags, file, offset);
}

ALLOCS_EXPORT int munmap(void* at, std::size_t size) {
  forget_pieces(range_of(at, size));
  return next(g_munmap, "munmap")(at, size);
}

ALLOCS_EXPORT void* mremap(void* at, std::size_t size, std::size_t new_size, int flags, ...) {
  __builtin_va_list rest;
  __builtin_va_start(rest, flags);
  void* const wanted = __builtin_va_arg(rest, void*);
  __builtin_va_end(rest);
  void* const made = next(g_mremap, "mremap")(at, size, new_size, flags, wanted);
  if (made == MAP_FAILED) return made;
  const AddressRange before = range_of(at, size), now = range_of(made, new_size);
  const std::size_t kept = made == at ? std::min(before.size(), now.size()) : 0;
  forget_pieces({before.begin + kept, before.end});
  forget_pieces({now.begin + kept, now.end});
  return made;
}

}  // extern "C"
