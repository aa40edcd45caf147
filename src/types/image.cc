// SPDX-License-Identifier: Apache-2.0
#include "types/image.h"

#include <cstring>

namespace allocs::types {

namespace {

constexpr std::size_t kRecordSizes[kTableCount] = {
    1,
    sizeof(TypeRecord),
    sizeof(MemberRecord),
    sizeof(EnumeratorRecord),
    sizeof(AliasRecord),
    sizeof(NameRecord),
    sizeof(RegionRecord),
    sizeof(RegionRecord),
    sizeof(StaticRecord),
    sizeof(StaticRecord),
    sizeof(FunctionRecord),
    sizeof(VariableRecord),
    1,
    sizeof(SiteRecord),
};

bool tables_fit(const ImageHeader& header) {
  for (std::size_t i = 0; i < kTableCount; ++i) {
    const TableEntry& table = header.tables[i];
    if (table.count == 0) continue;
    if (table.offset % 8 != 0 || table.offset < sizeof(ImageHeader) || table.offset > header.size) {
      return false;
    }
    if (table.count > (header.size - table.offset) / kRecordSizes[i]) return false;
  }
  return true;
}

std::uint64_t checksum_of(ImageHeader header) {
  header.header_checksum = 0;
  unsigned char bytes[sizeof(ImageHeader)];
  std::memcpy(bytes, &header, sizeof(bytes));
  return image_checksum(bytes, sizeof(bytes));
}

// The index of the last record whose key is at most `at`, or `size` if there is none.
template <typename Record, typename Key>
std::size_t last_at_or_below(std::span<const Record> records, std::uint64_t at, Key key) {
  std::size_t low = 0;
  for (std::size_t high = records.size(); low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (key(records[middle]) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? records.size() : low - 1;
}

}  // namespace

std::optional<Image> Image::open(const std::byte* bytes, std::size_t size) {
  if (bytes == nullptr || size < sizeof(ImageHeader)) return std::nullopt;
  if (reinterpret_cast<std::uintptr_t>(bytes) % alignof(ImageHeader) != 0) return std::nullopt;
  const auto* header = reinterpret_cast<const ImageHeader*>(bytes);
  if (header->magic != kImageMagic || header->version != kImageVersion) return std::nullopt;
  if (header->size > size || header->size < sizeof(ImageHeader)) return std::nullopt;
  if (header->build_id_size > header->build_id.size()) return std::nullopt;
  if (header->header_checksum != checksum_of(*header) || !tables_fit(*header)) return std::nullopt;
  const TableEntry& strings = header->tables[static_cast<std::size_t>(Table::strings)];
  if (strings.count != 0 && bytes[strings.offset + strings.count - 1] != std::byte{0}) {
    return std::nullopt;
  }
  return Image(header);
}

bool Image::content_is_intact() const {
  const auto* content = reinterpret_cast<const unsigned char*>(bytes() + sizeof(ImageHeader));
  return image_checksum(content, header_->size - sizeof(ImageHeader)) == header_->content_checksum;
}

std::span<const MemberRecord> Image::members_of(const TypeRecord& type) const {
  const auto all = members();
  const bool has_members = type.kind == Kind::composite || type.kind == Kind::subprogram;
  if (!has_members || type.first > all.size() || type.count > all.size() - type.first) return {};
  return all.subspan(type.first, type.count);
}

std::span<const EnumeratorRecord> Image::enumerators_of(const TypeRecord& type) const {
  const auto all = enumerators();
  if (type.kind != Kind::enumeration || type.first > all.size()) return {};
  if (type.count > all.size() - type.first) return {};
  return all.subspan(type.first, type.count);
}

bool Image::is_named(TypeIndex index, std::string_view name) const {
  const TypeRecord* record = type(index);
  if (record == nullptr) return false;
  if (name == text(record->name)) return true;
  for (const AliasRecord& alias : table<AliasRecord>(Table::aliases)) {
    if (alias.type == index && name == text(alias.name)) return true;
  }
  return false;
}

const StaticRecord* Image::find_in(std::span<const StaticRecord> records, std::uint64_t at) {
  std::size_t index =
      last_at_or_below(records, at, [](const StaticRecord& r) { return r.address; });
  // Records are in order of address, larger ones first: the last at or below is the innermost candidate, and what
  // contains it is up its chain. A chain that does not go down in index is damage.
  while (index < records.size()) {
    const StaticRecord& record = records[index];
    if (at - record.address < record.size) return &record;
    if (record.enclosing >= index) return nullptr;
    index = record.enclosing;
  }
  return nullptr;
}

const FunctionRecord* Image::find_function(std::uint64_t pc) const {
  const auto all = table<FunctionRecord>(Table::functions);
  const std::size_t index =
      last_at_or_below(all, pc, [](const FunctionRecord& r) { return r.low; });
  return index < all.size() && pc - all[index].low < all[index].length ? &all[index] : nullptr;
}

const SiteRecord* Image::find_site(std::uint64_t return_address) const {
  const auto all = table<SiteRecord>(Table::sites);
  const std::size_t index =
      last_at_or_below(all, return_address, [](const SiteRecord& r) { return r.return_address; });
  return index < all.size() && all[index].return_address == return_address ? &all[index] : nullptr;
}

const RegionRecord* Image::find_region(Table which, std::uint64_t at) const {
  const auto all = table<RegionRecord>(which);
  const std::size_t index =
      last_at_or_below(all, at, [](const RegionRecord& r) { return r.address; });
  return index < all.size() && at - all[index].address < all[index].size ? &all[index] : nullptr;
}

}  // namespace allocs::types
