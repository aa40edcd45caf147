// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/heap_events.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/raw_syscall.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/find_block.h"
#include "runtime/index/flux_table.h"
#include "runtime/index/heap_shadow.h"

namespace allocs::allocators {

using namespace index;

namespace {

// Maps the leaf of a region on first use. Without huge pages: with them, two cells would cost 4 MB.
template <Granularity kG>
struct LeafMaker {
  std::uint64_t* directory;

  std::uint64_t operator()(std::uint64_t region) const {
    void* const leaf = map_own_pages(leaf_size(kG));
    if (leaf == nullptr) return 0;
    raw_syscall(SYS_madvise, leaf, leaf_size(kG), MADV_NOHUGEPAGE);
    const std::uint64_t word = biased(raw(address_of(leaf)), region, kG);
    std::uint64_t published = 0;
    if (word != 0 && compare_exchange(directory[region], published, word)) return word;
    unmap_own_pages(leaf, leaf_size(kG));
    return published;
  }
};
template <Granularity kG>
ShadowWriter<kG, LeafMaker<kG>> writer_of(std::uint64_t* directory) {
  return {directory, g_root, LeafMaker<kG>{directory}};
}
std::uint64_t* fine_directory() {
  return reinterpret_cast<std::uint64_t*>(raw(load_relaxed(g_root.fine_directory)));
}

void insert(void* block, std::size_t size, std::uint32_t site_bits) {
  const std::uint64_t start = raw(address_of(block));
  if (std::uint64_t* const fine = fine_directory(); fine != nullptr) {
    writer_of<kFine>(fine).insert(start, size, site_bits);
  } else {
    writer_of<kCoarse>(g_hot.directory.data()).insert(start, size, site_bits);
  }
}

void erase(void* block) {
  const std::uint64_t start = raw(address_of(block));
  if (start >= raw(kEndOfUserAddresses)) return;
  if (std::uint64_t* const fine = fine_directory(); fine != nullptr) {
    writer_of<kFine>(fine).erase(start);
  } else {
    writer_of<kCoarse>(g_hot.directory.data()).erase(start);
  }
}

std::uint32_t cached_site_bits(std::uint64_t return_address) {
  const SiteSlot& slot = g_hot.sites[site_slot_of(return_address)];
  if (load_acquire(slot.return_address) == return_address) return load_relaxed(slot.site_bits);
  return site_bits_for(return_address);
}

}  // namespace

void* allocated(void* block, std::size_t size, const void* caller) {
  if (block != nullptr) insert(block, size, cached_site_bits(raw(address_of(caller))));
  return block;
}

void* allocated_at(void* block, std::size_t size, std::uint32_t site_bits) {
  if (block != nullptr) insert(block, size, site_bits);
  return block;
}

void* allocated_without_leaf(void* block, Cell start) {
  return allocated_at(block, size_code_of(start), site_of(start) << kSiteShift);
}

void freed_without_leaf(void* block) {
  if (block != nullptr) erase(block);
}

void* reallocate(void* block, std::size_t size, const void* caller) {
  if (block == nullptr) return allocated(g_next.realloc(nullptr, size), size, caller);
  const auto old = find_settled_block(TrustedMemory{}, g_root, address_of(block));
  if (!old || old->base != address_of(block)) {
    return allocated(g_next.realloc(block, size), size, caller);
  }
  const std::uint32_t site_bits = cached_site_bits(raw(address_of(caller)));
  const FluxClaim claim(g_root, thread_pointer(), raw(old->base), raw(old->base) + old->size);
  erase(block);
  void* const moved = g_next.realloc(block, size);
  if (moved != nullptr) {
    insert(moved, size, site_bits);
  } else if (size != 0) {  // realloc(block, 0) frees it
    insert(block, old->size, old->site << kSiteShift);
  }
  return moved;
}

}  // namespace allocs::allocators
