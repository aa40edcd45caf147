// SPDX-License-Identifier: Apache-2.0
#include "types/write/string_pool.h"

#include <algorithm>
#include <cstring>

namespace allocs::types {

namespace {
constexpr std::size_t kBlockSize = 256 * 1024;
constexpr std::size_t kFirstSlots = 4096;
}  // namespace

StringPool::StringPool() : slots_(kFirstSlots) {
  Entry empty;
  Hasher hasher;
  hasher.add(std::string_view{});
  empty.content_hash = hasher.finish();
  entries_.push_back(empty);
}

StringRef StringPool::add(std::string_view text) {
  if (const auto nul = text.find('\0'); nul != text.npos) text = text.substr(0, nul);
  if (text.empty()) return 0;
  const std::uint32_t hash = slot_hash(text);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[slots_[slot]];
    if (entry.slot_hash == hash && text == std::string_view{entry.text, entry.size})
      return slots_[slot];
  }
  Entry entry;
  Hasher hasher;
  hasher.add(text);
  entry.content_hash = hasher.finish();
  entry.text = keep(text);
  entry.size = static_cast<std::uint32_t>(text.size());
  entry.slot_hash = hash;
  const auto index = static_cast<StringRef>(entries_.size());
  entries_.push_back(entry);
  slots_[slot] = index;
  if (entries_.size() * 2 > slots_.size()) grow();
  return index;
}

// Only for finding the slot: cheaper than the content hash, which is taken once a text.
std::uint32_t StringPool::slot_hash(std::string_view text) {
  std::uint64_t state = 0x9E3779B97F4A7C15u ^ text.size();
  const auto mix = [&state](std::uint64_t word) {
    const auto product = static_cast<unsigned __int128>(state ^ word) * 0xD6E8FEB86659FD93u;
    state = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  while (text.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), 8);
    mix(word);
    text.remove_prefix(8);
  }
  std::uint64_t word = 0;
  std::memcpy(&word, text.data(), text.size());
  mix(word);
  return static_cast<std::uint32_t>(state ^ state >> 32);
}

const char* StringPool::keep(std::string_view text) {
  if (free_size_ < text.size()) {
    free_size_ = std::max(kBlockSize, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(free_size_));
    free_ = blocks_.back().get();
  }
  char* kept = free_;
  std::memcpy(kept, text.data(), text.size());
  free_ += text.size();
  free_size_ -= text.size();
  return kept;
}

void StringPool::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::uint32_t index = 1; index < entries_.size(); ++index) {
    std::size_t slot = entries_[index].slot_hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = index;
  }
}

}  // namespace allocs::types
