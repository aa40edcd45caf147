// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "types/image_format.h"

namespace allocs::types {

// Which pages of an image have been compared with their sums, and what came of it. Zeroed memory is a valid start. Any number
// of threads may check pages at once: they find the same.
struct PageStates {
  std::atomic<std::uint8_t>* states = nullptr;         // of each page
  std::atomic<bool>* is_damaged = nullptr;             // some page was
  std::atomic<std::uint32_t>* sound_tables = nullptr;  // bit t: all pages of that table are sound
  std::atomic<std::uint32_t>* searches = nullptr;      // in tables that are not known to be
  std::atomic<std::uint32_t>* damages =
      nullptr;  // counts images found damaged, for whoever asked a question meanwhile
};

// A metadata image whose header has been checked. The records have not: every index and every string reference is checked where
// it is used, so that a damaged image yields missing answers, never a fault. Nor has the content, unless content_is_intact() was asked:
// with PageStates each accessor but table() and what is named after tables checks the pages that it gives, once, and gives nothing
// of a damaged page.
//
// Does not own the bytes, which must stay mapped and unchanged. Context: signal.
class Image {
 public:
  // Checks magic, version, sizes, the header's checksum and the bounds of every table. Empty on any mismatch.
  static std::optional<Image> open(const std::byte* bytes, std::size_t size);

  const ImageHeader& header() const { return *header_; }
  std::span<const std::uint8_t> build_id() const {
    return {header_->build_id.data(), header_->build_id_size};
  }

  // Is every byte after the header as the writer left it? Reads the whole image.
  bool content_is_intact() const;
  // Are the sums of the pages?
  bool sums_are_intact() const;
  // From now on pages are checked when they are first used. The sums are intact.
  void check_pages(const PageStates& pages) { pages_ = pages; }
  // Was a damaged page met?
  bool is_damaged() const {
    return pages_.is_damaged != nullptr && pages_.is_damaged->load(std::memory_order_acquire);
  }
  std::size_t pages() const { return static_cast<std::size_t>(page_count(header_->size)); }
  // May the bytes be believed? They lie in the image.
  bool is_sound(const void* from, std::size_t size) const {
    if (pages_.states == nullptr || size == 0) return true;
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(from) - bytes());
    const std::size_t first = offset / kSummedPage, last = (offset + size - 1) / kSummedPage;
    return page_is_sound(first) && (last == first || pages_are_sound(first + 1, last));
  }

  template <typename Record>
  std::span<const Record> table(Table which) const {
    const TableEntry& entry = header_->tables[static_cast<std::size_t>(which)];
    return {reinterpret_cast<const Record*>(bytes() + entry.offset),
            static_cast<std::size_t>(entry.count)};
  }
  std::span<const TypeRecord> types() const { return table<TypeRecord>(Table::types); }
  std::span<const MemberRecord> members() const { return table<MemberRecord>(Table::members); }
  std::span<const EnumeratorRecord> enumerators() const {
    return table<EnumeratorRecord>(Table::enumerators);
  }
  std::span<const StaticRecord> statics() const { return table<StaticRecord>(Table::statics); }
  std::span<const StaticRecord> tls() const { return table<StaticRecord>(Table::tls); }

  // The text at `ref`; "" if there is none.
  const char* text(StringRef ref) const {
    const TableEntry& strings = header_->tables[static_cast<std::size_t>(Table::strings)];
    if (ref >= strings.count) return "";
    const std::uint64_t offset = strings.offset + ref;
    if (pages_.states != nullptr && !text_is_sound(offset)) return "";
    return reinterpret_cast<const char*>(bytes() + offset);
  }

  // nullptr if `index` is out of range.
  const TypeRecord* type(TypeIndex index) const { return sound(types(), index); }
  // Those of a function.
  std::span<const VariableRecord> variables_of(const FunctionRecord& function) const;
  std::span<const MemberRecord> members_of(const TypeRecord& type) const;
  std::span<const EnumeratorRecord> enumerators_of(const TypeRecord& type) const;

  // The innermost static object (or thread-local: `tls`) that contains link address (or TLS offset) `at`; nullptr if
  // none does.
  const StaticRecord* find_static(std::uint64_t at) const { return find_in(Table::statics, at); }
  const StaticRecord* find_tls(std::uint64_t at) const { return find_in(Table::tls, at); }
  // The record of the same table that the one before lies in, as far as its start tells; nullptr: none.
  const StaticRecord* enclosing(Table which, const StaticRecord& record) const;
  // The innermost one of those that contains all of it.
  const StaticRecord* containing(Table which, const StaticRecord& record) const;
  // The first record at or above `at`; nullptr if there is none, or damage is in the way.
  const StaticRecord* first_static_from(Table which, std::uint64_t at) const;
  const RegionRecord* first_region_from(Table which, std::uint64_t at) const;
  const FunctionRecord* find_function(std::uint64_t pc) const;
  const SiteRecord* find_site(std::uint64_t return_address) const;
  // The table at exactly that link address.
  const VirtualTableRecord* find_virtual_table(std::uint64_t address) const;
  const RegionRecord* find_region(Table which, std::uint64_t at) const;
  // What is known of the elements of such a type's objects: the first record whose test holds counts.
  std::span<const ContainerRecord> find_containers(TypeIndex type) const;

  // Is that the type's canonical name or one of its aliases?
  bool is_named(TypeIndex index, std::string_view name) const;

  // Calls `found(TypeIndex)` for each type of that canonical name or alias until it returns true.
  template <typename Found>
  void find_types_named(std::string_view name, Found&& found) const;

 private:
  explicit Image(const ImageHeader* header) : header_(header) {}
  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(header_); }
  const StaticRecord* find_in(Table which, std::uint64_t at) const;
  template <typename Record>
  const Record* first_from(Table which, std::uint64_t at) const;
  template <typename Record, typename Key>
  std::size_t last_at_or_below(Table which, std::uint64_t at, Key key) const;
  template <typename Record>
  const Record* sound(std::span<const Record> all, std::size_t index) const {
    return index < all.size() && is_sound(&all[index], sizeof(Record)) ? &all[index] : nullptr;
  }
  template <typename Record>
  std::span<const Record> sound(std::span<const Record> records) const {
    return is_sound(records.data(), records.size_bytes()) ? records : std::span<const Record>{};
  }

  // States of a page, above 0 for "not looked at".
  static constexpr std::uint8_t kDamaged = 1;
  static constexpr std::uint8_t kSound = 2;
  static constexpr std::uint8_t kSoundText =
      3;  // and so is the rest of the text that goes on behind it
  bool page_is_intact(std::size_t page) const;
  bool page_is_sound(std::size_t page) const {
    return pages_.states[page].load(std::memory_order_relaxed) >= kSound || check_page(page);
  }
  bool pages_are_sound(std::size_t first, std::size_t last) const;
  // Whether all of the table is known to be. Checks small tables whole, once, and large ones when enough was asked of them to pay for it.
  bool table_is_sound(Table which) const {
    if (pages_.states == nullptr) return true;
    const std::uint32_t bit = 1u << static_cast<unsigned>(which);
    return (pages_.sound_tables->load(std::memory_order_acquire) & bit) != 0 || check_table(which);
  }
  bool check_table(Table which) const;
  bool check_page(std::size_t page) const;
  bool text_is_sound(std::uint64_t offset) const {
    const std::size_t page = static_cast<std::size_t>(offset / kSummedPage);
    return pages_.states[page].load(std::memory_order_relaxed) == kSoundText || check_text(page);
  }
  bool check_text(std::size_t page) const;

  const ImageHeader* header_;
  PageStates pages_{};
};

template <typename Found>
void Image::find_types_named(std::string_view name, Found&& found) const {
  const auto names = table<NameRecord>(Table::names);
  const std::uint32_t hash = name_hash(name);
  std::size_t low = 0;
  for (std::size_t high = names.size(); low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (sound(names, middle) == nullptr) return;
    if (names[middle].hash < hash) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; sound(names, low) != nullptr && names[low].hash == hash; ++low) {
    if (is_named(names[low].type, name) && found(names[low].type)) return;
  }
}

}  // namespace allocs::types
