// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "base/every_process.h"
#include "base/memory.h"
#include "runtime/index/doubling.h"
#include "runtime/index/records.h"
#include "runtime/index/root.h"
#include "runtime/index/word.h"

// The reading half of the site, module, thread and own-range tables, over any memory. Records come as copies.
// Context of all: signal.
namespace allocs::index {

template <typename Record, unsigned FirstShift, std::size_t Chunks, Memory M>
std::optional<Record> record_of(const M& memory, const std::array<Address, Chunks>& chunks,
                                std::uint64_t number) {
  const Place place = place_of<FirstShift>(number);
  if (place.chunk >= Chunks) return std::nullopt;
  const Address chunk = load_acquire(chunks[place.chunk]);
  if (chunk == Address{}) return std::nullopt;
  return load<Record>(memory, chunk + place.index * sizeof(Record));
}

// ---- sites ----

// nullopt: the id stands for no place (0, "table full", "not attributed"), or was never given out.
template <Memory M>
std::optional<SiteRecord> site_record_of(const M& memory, const Root& root, std::uint32_t id) {
  if (id < kFirstSite || id > load_acquire(root.site_count)) return std::nullopt;
  auto record = record_of<SiteRecord, kSiteFirstShift>(memory, root.site_segments, id);
  if (!record || record->return_address == Address{}) return std::nullopt;
  return record;
}

// ---- modules ----

template <Memory M>
std::optional<ModuleRecord> module_record_of(const M& memory, const Root& root,
                                             std::uint32_t instance) {
  if (instance == 0 || instance > load_acquire(root.module_count)) return std::nullopt;
  auto record = record_of<ModuleRecord, kModuleFirstShift>(memory, root.module_chunks, instance);
  if (!record || record->state == ModuleState::empty) return std::nullopt;
  return record;
}

// Calls visit(const ModuleRecord&) for every instance that was ever seen, until it returns false.
template <Memory M, typename Visit>
void for_each_module(const M& memory, const Root& root, Visit visit) {
  const std::uint32_t count = load_acquire(root.module_count);
  for (std::uint32_t instance = 1; instance <= count; ++instance) {
    const auto record = module_record_of(memory, root, instance);
    if (record && !visit(*record)) return;
  }
}

// The instance of the loaded (or closing) module that spans `a`. 0: none that is known; the table lags behind dlopen until
// somebody refreshes it.
template <Memory M>
[[ALLOCS_EVERY_PROCESS]] std::uint32_t module_instance_at(const M& memory, const Root& root,
                                                          Address a) {
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Address at = load_acquire(root.module_snapshot);
    if (at == Address{}) return 0;
    const auto generation = load_word<std::uint64_t>(memory, at);
    const auto header = load<ModuleSnapshot>(memory, at);
    if (!header || !generation || header->count > header->capacity) return 0;
    std::uint32_t low = 0;
    std::uint32_t high = header->count;
    std::uint32_t found = 0;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      const auto span =
          load<ModuleSpan>(memory, at + sizeof(ModuleSnapshot) + middle * sizeof(ModuleSpan));
      if (!span) return 0;
      if (a < span->begin) {
        high = middle;
      } else if (a < span->end) {
        found = span->instance;
        break;
      } else {
        low = middle + 1;
      }
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (load_acquire(root.module_snapshot) == at &&
        load_word<std::uint64_t>(memory, at) == generation && (*generation & 1) == 0) {
      return found;
    }
  }
  return 0;
}

template <Memory M>
std::optional<ModuleRecord> module_at(const M& memory, const Root& root, Address a) {
  return module_record_of(memory, root, module_instance_at(memory, root, a));
}

// ---- threads ----

// False in a forked child that did not register a thread since: only its one thread is there, and the table is its parent's.
// `process` is the process's id. (A process that never had a second thread has no token; its first record is of its main thread.)
template <Memory M>
bool thread_table_is_current(const M& memory, const Root& root, std::uint32_t process) {
  const Address token = load_acquire(root.process_token);
  if (token != Address{}) return load_word<std::uint64_t>(memory, token).value_or(0) != 0;
  const auto first = record_of<ThreadRecord, kThreadFirstShift>(memory, root.thread_chunks, 0);
  return first && first->tid == process;
}

// Calls visit(const ThreadRecord&) for each thread that is starting or running, until it returns false. A running one may have
// gone without notice.
template <Memory M, typename Visit>
void for_each_thread(const M& memory, const Root& root, Visit visit) {
  const std::uint32_t count = load_acquire(root.thread_count);
  for (std::uint32_t number = 0; number < count; ++number) {
    const auto record =
        record_of<ThreadRecord, kThreadFirstShift>(memory, root.thread_chunks, number);
    if (!record) continue;
    if (record->state != ThreadState::starting && record->state != ThreadState::running) continue;
    if (!visit(*record)) return;
  }
}

// The thread whose stack contains `a`; of several that claim it, the youngest.
template <Memory M>
std::optional<ThreadRecord> thread_with_stack_at(const M& memory, const Root& root, Address a) {
  std::optional<ThreadRecord> found;
  for_each_thread(memory, root, [&](const ThreadRecord& thread) {
    if (a >= thread.stack_low && a < thread.stack_high &&
        (!found || found->generation < thread.generation)) {
      found = thread;
    }
    return true;
  });
  return found;
}

// ---- the run time's own memory ----

// Calls visit(AddressRange) for each range in use.
template <Memory M, typename Visit>
void for_each_own_range(const M& memory, const Root& root, Visit visit) {
  const std::uint32_t count = load_acquire(root.own_range_count);
  for (std::uint32_t number = 0; number < count; ++number) {
    const auto range =
        record_of<OwnRange, kOwnRangeFirstShift>(memory, root.own_range_chunks, number);
    if (range && range->size != 0) visit(AddressRange{range->begin, range->begin + range->size});
  }
}

template <Memory M>
std::optional<AddressRange> own_range_at(const M& memory, const Root& root, Address a) {
  const std::uint32_t count = load_acquire(root.own_range_count);
  for (std::uint32_t number = 0; number < count; ++number) {
    const auto range =
        record_of<OwnRange, kOwnRangeFirstShift>(memory, root.own_range_chunks, number);
    if (range && a >= range->begin && a - range->begin < range->size) {
      return AddressRange{range->begin, range->begin + range->size};
    }
  }
  return std::nullopt;
}

}  // namespace allocs::index
