// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "elf/cfi.h"

// A cache from pc to unwind rule that threads and signal handlers share without a lock.
//
// Nearly every rule of compiled code says the same thing with other numbers: CFA = rsp or rbp + n * 8, return address at
// CFA - 8, rbp either unchanged or saved at CFA - m * 8 (m = 1: there is no caller). That fits in 19 bits. A pc has 47, of which the place in the
// table gives 12. So an entry is one 64-bit word and there is nothing to tear:
//
//     63                29 28         19  18   17    13 12         0
//     [ pc >> 12         ][ generation  ][rbp][ m      ][ n         ]
//
// The index mixes pc >> 12 into the low bits, so that it and the tag together give the pc back exactly.
// n is never 0, so 0 is an empty entry. Rules of another shape are not stored (stubs, signal frames, realigned stacks).
//
// The owner counts the changes of the set of loaded objects, and tells the count with advance_to(): all entries of earlier ones become stale at once, for everybody, by one store. The
// field is 10 bits of the count; each time they start again the table is emptied before, so that no entry of 1024 generations ago
// can match, and after, for what was stored meanwhile. A writer that sleeps between looking up a rule and storing it finds the generation changed and drops it; one that sleeps right before the store
// finds it changed behind it, and takes the entry back.
//
// Rejected: two words with a check word (16 bytes an entry, a multiplication a look-up); a seqlock (a signal handler that
// interrupts its writer waits for ever).
namespace allocs::runt {

// A rule of the common shape.
struct PackedRule {
  std::uint64_t bits = 0;

  static constexpr unsigned kCfaBits = 13;
  static constexpr unsigned kSlotBits = 5;
  static constexpr std::uint64_t kBaseIsRbp = std::uint64_t{1} << (kCfaBits + kSlotBits);
  static constexpr unsigned kOutermost =
      1;  // no rbp can be there: it is the return address's place
  static constexpr unsigned kSize = kCfaBits + kSlotBits + 1;

  std::uint64_t cfa_offset() const { return (bits & ((1u << kCfaBits) - 1)) * 8; }
  bool base_is_rbp() const { return (bits & kBaseIsRbp) != 0; }
  std::uint64_t rbp_offset() const {  // below the CFA; 0: unchanged
    return (bits >> kCfaBits & ((1u << kSlotBits) - 1)) * 8;
  }
  bool is_outermost() const { return rbp_offset() == 8 * kOutermost; }  // there is no caller

  // Absent for rules of another shape.
  static std::optional<PackedRule> pack(const elf::UnwindRule& rule);
};

// Written and read by any thread in any context; every access is one relaxed load or store of a word that is whole in
// itself. Constant-initialised; 32 KiB, touched only where used.
class RuleCache {
 public:
  static constexpr unsigned kIndexBits = 12;
  static constexpr unsigned kGenerationBits = 10;

  constexpr RuleCache() = default;

  // Context: hook, signal.
  std::optional<PackedRule> find(Address pc) const {
    const PackedRule rule = find_or_zero(pc, generation());
    return rule.bits != 0 ? std::optional{rule} : std::nullopt;
  }
  // The same for a loop: no bits where nothing is known. No rule is 0.
  [[gnu::always_inline]] PackedRule find_or_zero(Address pc, std::uint64_t generation) const {
    if (pc >= kEndOfUserAddresses) return {};
    const std::uint64_t entry = entries_[index_of(pc)].load(std::memory_order_relaxed);
    if ((entry ^ key_of(pc, generation)) >> PackedRule::kSize != 0) return {};
    return PackedRule{entry & ((std::uint64_t{1} << PackedRule::kSize) - 1)};
  }

  // Read it before the rule is looked up, and give it to insert(). Context: hook, signal.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  void insert(Address pc, std::uint64_t generation, PackedRule rule);

  // Of rules that were found before the set of loaded objects had changed so many times, none is found from here on. Context: hook, signal.
  void advance_to(std::uint64_t count) {
    if (generation() < count) [[unlikely]]
      advance(count);
  }

 private:
  void advance(std::uint64_t count);
  void clear();
  static constexpr std::uint64_t key_of(Address pc, std::uint64_t generation) {
    return raw(pc) >> kIndexBits << (PackedRule::kSize + kGenerationBits) |
           (generation & ((1u << kGenerationBits) - 1)) << PackedRule::kSize;
  }
  static constexpr unsigned index_of(Address pc) {
    const std::uint64_t mixed = raw(pc) ^ raw(pc) >> kIndexBits ^ raw(pc) >> (kIndexBits + 9);
    return static_cast<unsigned>(mixed & ((1u << kIndexBits) - 1));
  }

  std::atomic<std::uint64_t> generation_{0};
  std::array<std::atomic<std::uint64_t>, 1u << kIndexBits> entries_{};
};
static_assert(47 - RuleCache::kIndexBits + RuleCache::kGenerationBits + PackedRule::kSize == 64);

}  // namespace allocs::runt
