// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/collect.h"

#include <algorithm>
#include <cstring>

#include "runt/self.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/preload/free_chunks.h"
#include "runtime/preload/given_pointers.h"
#include "runtime/preload/info.h"
#include "runtime/preload/own_array.h"
#include "runtime/preload/roots.h"
#include "runtime/preload/stop_scope.h"
#include "runtime/preload/word_search.h"
#include "runtime/self/ask.h"
#include "runtime/self/kept_walk.h"

// Which blocks nothing refers to, of those that only reachability holds: the candidates.
//
// With the holders' lock, so that nobody else changes who holds what, the candidates are listed. Then the threads are stopped, and all memory is searched once for words that lead to one: those that
// lie in no candidate, and not in memory that is surely nobody's, are roots, and what they lead to is reached. From there on it is candidates only: each one that was reached is read, at every
// byte. What is left is marked as going before the threads run again, so that nobody can take hold of it; and it is freed when they do, since a stopped thread may have malloc's locks.
//
// Each doubt keeps a block. Only what lies in memory that cannot be looked into could not do that; so if there is such memory that was written to, nothing is freed.

namespace allocs::preload {

namespace {

using allocators::HeldBlock;
using allocators::HolderLock;

struct Candidate {
  Address begin{};
  Address end{};  // of all that the program may use
  HeldBlock* block = nullptr;
  bool is_reached = false;
};
constinit OwnArray<Candidate> g_candidates;
constinit OwnArray<Candidate*> g_reached;  // and not yet read
constexpr unsigned kPatienceMs = 2000;

bool is_candidate(const HeldBlock& held) {
  bool is_reachable_only = false;
  for (const allocators::Hold* each = held.holds; each != nullptr; each = each->next) {
    if (each->count == 0) continue;
    if (each->holder->kind != ALLOC_HOLDS_WHILE_REACHABLE) return false;
    is_reachable_only = true;
  }
  return is_reachable_only && held.is_freed && !held.is_going;
}

// Under the lock. False: there is no memory.
bool list_candidates() {
  g_candidates.clear();
  bool is_ok = true;
  allocators::held_blocks().for_each([&](HeldBlock& held) {
    if (!is_ok || !is_candidate(held)) return;
    const Address begin{held.start};
    const std::uint64_t usable = allocators::g_next.malloc_usable_size(held.block());
    is_ok = g_candidates.add({.begin = begin,
                              .end = begin + std::max<std::uint64_t>(usable, held.size),
                              .block = &held});
  });
  const auto all = g_candidates.all();
  std::sort(all.begin(), all.end(),
            [](const Candidate& a, const Candidate& b) { return a.begin < b.begin; });
  return is_ok;
}

class Marking {
 public:
  Marking(const self::SelfProcess& process, std::uint64_t key)
      : process_(process, kept_),
        asker_(registers_of_asker(process)),
        out_of_use_(process, asker_.sp()),
        free_chunks_(process, key),
        lowest_(raw(g_candidates.all().front().begin)) {
    std::uint64_t highest = 0;
    for (const Candidate& each : g_candidates.all()) highest = std::max(highest, raw(each.end));
    width_ = highest - lowest_;
  }

  int run(const void*& obstacle) {
    g_reached.clear();
    if (const int error = look_for_hidden_memory(obstacle); error != ALLOC_OK) return error;
    mark_registers(asker_);
    self::for_each_stopped_thread([&](const self::StoppedThread& thread) {
      mark_registers(thread.registers());
      return true;
    });
    mark_contexts();
    const bool was_told =
        WordSearch(process_, lowest_, lowest_ + width_)
            .run([&](Address at, std::uint64_t value, bool) {
              if (!refers_to_unreached(value) || is_in_candidate(at) || is_nobodys(at))
                return has_room_;
              mark(value);
              return has_room_;
            });
    if (!was_told) return ALLOC_E_REFUSED;
    while (has_room_ && read_ < g_reached.size()) read(*g_reached.all()[read_++]);
    return has_room_ ? ALLOC_OK : ALLOC_E_NO_MEMORY;
  }

 private:
  // Calls visit(Candidate&) for those that the value leads to: inside or to its end, which may be another's beginning.
  template <typename Visit>
  void for_each_meant(std::uint64_t value, Visit&& visit) const {
    if (value - lowest_ > width_) return;
    const auto all = g_candidates.all();
    auto above =
        std::upper_bound(all.begin(), all.end(), Address{value},
                         [](Address wanted, const Candidate& each) { return wanted < each.begin; });
    for (int i = 0; i < 2 && above != all.begin(); ++i) {
      Candidate& each = *--above;
      if (Address{value} > each.end) return;
      visit(each);
    }
  }
  bool refers_to_unreached(std::uint64_t value) const {
    bool does = false;
    for_each_meant(value, [&](const Candidate& each) { does |= !each.is_reached; });
    return does;
  }
  void mark(std::uint64_t value) {
    for_each_meant(value, [&](Candidate& each) {
      if (each.is_reached) return;
      each.is_reached = true;
      has_room_ = has_room_ && g_reached.add(&each);
    });
  }
  void mark_registers(const runt::Registers& registers) {
    for (unsigned i = 0; i < elf::kRegisterCount; ++i)
      if (registers.has(i)) mark(registers.value[i]);
  }
  void mark_contexts() {
    for_each_given_pointer([&](const void* pointer) { mark(raw(address_of(pointer))); });
  }
  bool is_in_candidate(Address at) const {
    bool is = false;
    for_each_meant(raw(at), [&](const Candidate& each) { is |= at < each.end; });
    return is;
  }
  bool is_nobodys(Address at) {
    if (free_chunks_.is_in_same(at)) return true;
    if (out_of_use_.contains(at)) return true;
    const query::Answer holder = self::ask(process_, at);
    if (holder.error == ALLOC_OK && holder.allocator == query::Allocator::own) return true;
    return free_chunks_.contains(at, holder);
  }
  // Page by page, with the end of the page before: the program may have closed some. (Those that were written to have ended the collection by now.)
  void read(const Candidate& candidate) {
    constexpr std::size_t kPage = 4096, kMore = sizeof(std::uint64_t) - 1;
    alignas(16) std::byte bytes[kMore + kPage];
    std::size_t kept = 0;  // bytes of the page before
    for (Address at = candidate.begin; at < candidate.end;) {
      const std::size_t size = std::min<std::size_t>(candidate.end - at, kPage - raw(at) % kPage);
      const bool is_there = runt::self::read_memory(at, bytes + kept, size);
      const std::size_t count = is_there ? kept + size : 0;
      for (std::size_t i = 0; i + sizeof(std::uint64_t) <= count; ++i) {
        std::uint64_t value;
        std::memcpy(&value, bytes + i, sizeof value);
        if (value - lowest_ <= width_) mark(value);
      }
      kept = std::min(count, kMore);
      std::memmove(bytes, bytes + (count - kept), kept);
      at = at + size;
    }
  }
  // Memory that cannot be read now, but was written to: a program may open it again.
  int look_for_hidden_memory(const void*& obstacle) const {
    runt::MappingTable table;
    if (table.open(0) != 0) return ALLOC_E_REFUSED;
    runt::PageMap pages;
    pages.open();
    for (Address at{}; at < kEndOfUserAddresses;) {
      const auto answer = table.mapping_at_or_above(at);
      if (answer.certainty == Certainty::nothing_there) break;
      if (answer.certainty != Certainty::known) return ALLOC_E_REFUSED;
      const runt::Mapping& mapping = answer.mapping;
      at = mapping.range.end;
      // memfd_secret: the program can read it, and nobody else, nor the kernel for us.
      const bool is_secret = begins_with(std::string_view(mapping.name), "/secretmem");
      const bool is_shown = mapping.is_readable && !is_secret;
      if (is_shown || begins_with(std::string_view(mapping.name), "[v")) continue;
      Address hidden{};
      const auto find = [&](AddressRange range) {
        return for_each_foreign_range(process_, range, [&](AddressRange piece) {
          hidden = piece.begin;
          return false;
        });
      };
      if (mapping.is_shared) {
        find(mapping.range);
      } else {
        pages.for_each_written_run(mapping.range, find);
      }
      if (hidden == Address{}) continue;
      obstacle = pointer(hidden);
      return ALLOC_E_OBSTACLE;
    }
    return ALLOC_OK;
  }

  self::KeptWalk kept_;
  const self::SelfProcess process_;
  runt::Registers asker_;
  OutOfUse out_of_use_;
  FreeChunks free_chunks_;
  std::uint64_t lowest_, width_ = 0;
  std::size_t read_ = 0;
  bool has_room_ = true;
};

// Marks those that were not reached as going; a list of them.
HeldBlock* list_unreached(alloc_collection& collection) {
  HeldBlock* first = nullptr;
  for (const Candidate& each : g_candidates.all()) {
    if (each.is_reached) continue;
    each.block->next = first;
    each.block->is_going = true;
    first = each.block;
    ++collection.freed;
    collection.freed_bytes += each.block->size;
  }
  return first;
}

}  // namespace

int collect(const self::SelfProcess& process, alloc_collection& collection) {
  const std::uint64_t key = key_of_free_chunks();
  HeldBlock* unreached = nullptr;
  HolderLock lock(0);
  {
    const self::ProcessLock::Guard guard(WordSearch::lock, kPatienceMs);
    if (!guard.is_held()) return ALLOC_E_NOT_YET;
    process.finds_new_objects();
    // Others may wait for the holders' lock with the loader's: a callback of dl_iterate_phdr that frees.
    if (collection.signal != 0) self::prepare_to_stop_others();
    lock.acquire();
    if (!lock) return ALLOC_E_INVALID;
    if (!list_candidates()) return ALLOC_E_NO_MEMORY;
    collection.candidates = g_candidates.size();
    if (g_candidates.size() == 0) return ALLOC_OK;
    const StopScope stop(collection.signal, collection.timeout_ms, collection.stop, true);
    if (stop.error() != ALLOC_OK) return stop.error();
    Marking marking(process, key);
    if (const int error = marking.run(collection.obstacle); error != ALLOC_OK) return error;
    unreached = list_unreached(collection);
  }
  allocators::let_blocks_go(unreached, lock);
  return ALLOC_OK;
}

}  // namespace allocs::preload
