// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "types/image_format.h"

namespace allocs::types {

// A metadata image whose header has been checked. The records have not: every index and every string reference is checked where
// it is used, so that a damaged image yields missing answers, never a fault.
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
    return ref < strings.count ? reinterpret_cast<const char*>(bytes() + strings.offset + ref) : "";
  }

  // nullptr if `index` is out of range.
  const TypeRecord* type(TypeIndex index) const {
    const auto all = types();
    return index < all.size() ? &all[index] : nullptr;
  }
  std::span<const MemberRecord> members_of(const TypeRecord& type) const;
  std::span<const EnumeratorRecord> enumerators_of(const TypeRecord& type) const;

  // The innermost static object (or thread-local: `tls`) that contains link address (or TLS offset) `at`; nullptr if
  // none does.
  const StaticRecord* find_static(std::uint64_t at) const { return find_in(statics(), at); }
  const StaticRecord* find_tls(std::uint64_t at) const { return find_in(tls(), at); }
  const FunctionRecord* find_function(std::uint64_t pc) const;
  const SiteRecord* find_site(std::uint64_t return_address) const;
  const RegionRecord* find_region(Table which, std::uint64_t at) const;

  // Is that the type's canonical name or one of its aliases?
  bool is_named(TypeIndex index, std::string_view name) const;

  // Calls `found(TypeIndex)` for each type of that canonical name or alias until it returns true.
  template <typename Found>
  void find_types_named(std::string_view name, Found&& found) const;

 private:
  explicit Image(const ImageHeader* header) : header_(header) {}
  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(header_); }
  static const StaticRecord* find_in(std::span<const StaticRecord> records, std::uint64_t at);

  const ImageHeader* header_;
};

template <typename Found>
void Image::find_types_named(std::string_view name, Found&& found) const {
  const auto names = table<NameRecord>(Table::names);
  const std::uint32_t hash = name_hash(name);
  std::size_t low = 0;
  for (std::size_t high = names.size(); low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (names[middle].hash < hash) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; low < names.size() && names[low].hash == hash; ++low) {
    if (is_named(names[low].type, name) && found(names[low].type)) return;
  }
}

}  // namespace allocs::types
