// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>

#include "base/every_process.h"
#include "base/hash.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"

namespace allocs::self {

namespace {

// Kept texts, in lists by hash; insert-only.
struct KeptText {
  std::atomic<KeptText*> next;
  std::uint32_t hash;
  char text[];
};
constexpr std::size_t kBuckets = 256;
ALLOCS_APART constinit std::atomic<KeptText*> g_texts[kBuckets] = {};

KeptText* find_text(std::uint32_t hash, const char* text) {
  for (KeptText* kept = g_texts[hash % kBuckets].load(std::memory_order_acquire); kept != nullptr;
       kept = kept->next.load(std::memory_order_acquire)) {
    if (kept->hash == hash && std::strcmp(kept->text, text) == 0) return kept;
  }
  return nullptr;
}

void* take_scratch(std::size_t size) {
  if (!allocators::may_map_memory()) return nullptr;
  const auto mapped =
      raw_syscall(SYS_mmap, 0L, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  return mapped.ok() ? reinterpret_cast<void*>(mapped.value) : nullptr;
}
void give_back_scratch(void* memory, std::size_t size) { raw_syscall(SYS_munmap, memory, size); }

}  // namespace

[[ALLOCS_EVERY_PROCESS]] void* allocate(std::size_t size) { return allocators::allocate_own(size); }

const char* keep_text(const char* text) {
  const std::uint32_t hash = name_hash(text);
  if (KeptText* kept = find_text(hash, text)) return kept->text;
  const std::size_t length = std::strlen(text);
  auto* made = static_cast<KeptText*>(allocate(sizeof(KeptText) + length + 1));
  if (made == nullptr) return "";
  made->hash = hash;
  std::memcpy(made->text, text, length + 1);
  auto& bucket = g_texts[hash % kBuckets];
  KeptText* head = bucket.load(std::memory_order_acquire);
  do {
    made->next.store(head, std::memory_order_relaxed);
  } while (!bucket.compare_exchange_weak(head, made, std::memory_order_acq_rel));
  return made->text;
}

[[ALLOCS_EVERY_PROCESS]] types::TypeMemory type_memory() { return {.allocate = allocate}; }
types::ScratchMemory scratch_memory() {
  return {.take = take_scratch, .give_back = give_back_scratch};
}

}  // namespace allocs::self
