// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/memo.h"

#include <utility>

namespace allocs::memo {

std::optional<Memo::Recalled> Memo::recall_entry(const Hash128& key) const {
  auto content = store_.find(key);
  if (!content) return std::nullopt;
  auto entry = decode(content->bytes());
  if (!entry || entry->key != key || state_of(entry->dependencies) != entry->state)
    return std::nullopt;
  return Recalled{std::move(*content), std::move(*entry)};
}

std::optional<Outcome> Memo::recall(const Hash128& key) const {
  const auto recalled = recall_entry(key);
  if (!recalled) return std::nullopt;
  return Outcome{recalled->entry.has_succeeded, std::string(recalled->entry.text)};
}

void Memo::remember(const Hash128& key, const Outcome& outcome, const DependencyRecord& record,
                    std::uint64_t began_ns) const {
  if (began_ns < kTick) return;
  auto conclusion = record.conclude(began_ns - kTick);
  if (!conclusion) return;
  const Entry entry{key, conclusion->state, std::move(conclusion->dependencies),
                    outcome.has_succeeded, outcome.text};
  store_.keep(key, encode(entry));
}

}  // namespace allocs::memo
