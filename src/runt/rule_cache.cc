// SPDX-License-Identifier: Apache-2.0
#include "runt/rule_cache.h"

#include "base/every_process.h"

namespace allocs::runt {

[[ALLOCS_EVERY_PROCESS]] std::optional<PackedRule> PackedRule::pack(const elf::UnwindRule& rule) {
  using elf::Saved;
  if (rule.is_signal_frame || rule.cfa_is_expression || rule.return_register != elf::kRip)
    return std::nullopt;
  if (rule.cfa_register != elf::kRsp && rule.cfa_register != elf::kRbp) return std::nullopt;
  const Saved pc = rule.how_saved(elf::kRip);
  const bool is_outermost = pc == Saved::undefined;
  const bool has_plain_return = pc == Saved::at_cfa_offset && rule.where[elf::kRip] == -8;
  if (!(has_plain_return || is_outermost) || rule.specifies(elf::kRsp)) return std::nullopt;

  const std::int64_t words = rule.cfa_offset / 8;
  if (rule.cfa_offset % 8 != 0 || words <= 0 || words >= std::int64_t{1} << kCfaBits)
    return std::nullopt;
  std::int64_t slot = 0;
  const Saved rbp = rule.how_saved(elf::kRbp);
  if (is_outermost) {
    slot = kOutermost;
  } else if (rbp == Saved::at_cfa_offset) {
    slot = -(rule.where[elf::kRbp] / 8);
    const bool fits = slot > kOutermost && slot < std::int64_t{1} << kSlotBits;
    if (!fits || rule.where[elf::kRbp] % 8 != 0) return std::nullopt;
  } else if (rbp != Saved::unspecified && rbp != Saved::same) {
    return std::nullopt;
  }
  const std::uint64_t base = rule.cfa_register == elf::kRbp ? kBaseIsRbp : 0;
  return PackedRule{base | static_cast<std::uint64_t>(slot) << kCfaBits |
                    static_cast<std::uint64_t>(words)};
}

void RuleCache::insert(Address pc, std::uint64_t generation, PackedRule rule) {
  if (pc >= kEndOfUserAddresses || generation != generation_.load(std::memory_order_acquire))
    return;
  std::atomic<std::uint64_t>& place = entries_[index_of(pc)];
  std::uint64_t entry = key_of(pc, generation) | rule.bits;
  place.store(entry, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Whoever changed it meanwhile may have emptied the table before that store.
  if (generation != generation_.load(std::memory_order_relaxed))
    place.compare_exchange_strong(entry, 0, std::memory_order_relaxed);
}

void RuleCache::clear() {
  for (auto& entry : entries_) entry.store(0, std::memory_order_relaxed);
}

void RuleCache::advance(std::uint64_t count) {
  std::uint64_t seen = generation();
  while (seen < count) {
    const bool starts_again = seen >> kGenerationBits != count >> kGenerationBits;
    if (starts_again) clear();
    if (!generation_.compare_exchange_weak(seen, count, std::memory_order_seq_cst)) continue;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    // What was stored between the two.
    if (starts_again) clear();
    return;
  }
}

}  // namespace allocs::runt
