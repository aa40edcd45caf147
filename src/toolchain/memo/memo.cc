// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/memo.h"

#include <utility>

namespace allocs::memo {

std::optional<Entry> Memo::recall_entry(const Hash128& key) const {
  const auto bytes = store_.find(key);
  if (!bytes) return std::nullopt;
  auto entry = decode(*bytes);
  if (!entry || entry->key != key || state_of(entry->dependencies) != entry->state)
    return std::nullopt;
  return entry;
}

std::optional<Outcome> Memo::recall(const Hash128& key) const {
  auto entry = recall_entry(key);
  if (!entry) return std::nullopt;
  return std::move(entry->outcome);
}

void Memo::remember(const Hash128& key, Outcome outcome, const DependencyRecord& record,
                    std::uint64_t began_ns) const {
  if (began_ns < kTick) return;
  auto conclusion = record.conclude(began_ns - kTick);
  if (!conclusion) return;
  const Entry entry{key, conclusion->state, std::move(conclusion->dependencies),
                    std::move(outcome)};
  store_.keep(key, encode(entry));
}

}  // namespace allocs::memo
