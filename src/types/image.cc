// SPDX-License-Identifier: Apache-2.0
#include "types/image.h"

#include <algorithm>
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
    sizeof(ContainerRecord),
    sizeof(VirtualTableRecord),
    sizeof(std::uint64_t),
};

bool tables_fit(const ImageHeader& header) {
  for (std::size_t i = 0; i < kTableCount; ++i) {
    const TableEntry& table = header.tables[i];
    if (table.offset > header.size) return false;
    if (table.count == 0) continue;
    if (table.offset % 8 != 0 || table.offset < sizeof(ImageHeader)) return false;
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
  const TableEntry& sums = header->tables[static_cast<std::size_t>(Table::page_sums)];
  if (sums.count != page_count(header->size)) return std::nullopt;
  return Image(header);
}

bool Image::sums_are_intact() const {
  const auto sums = table<std::uint64_t>(Table::page_sums);
  return image_checksum(reinterpret_cast<const unsigned char*>(sums.data()), sums.size_bytes()) ==
         header_->content_checksum;
}

bool Image::content_is_intact() const {
  const auto sums = table<std::uint64_t>(Table::page_sums);
  if (!sums_are_intact()) return false;
  for (std::size_t page = 0; page < sums.size(); ++page) {
    if (!page_is_intact(page)) return false;
  }
  return true;
}

bool Image::page_is_intact(std::size_t page) const {
  const auto sums = table<std::uint64_t>(Table::page_sums);
  const auto* image = reinterpret_cast<const unsigned char*>(bytes());
  const auto* body = reinterpret_cast<const unsigned char*>(sums.data() + sums.size());
  return sums[page] ==
         page_sum(image, header_->size, static_cast<std::uint64_t>(body - image), page);
}

[[gnu::noinline, gnu::cold]] bool Image::check_page(std::size_t page) const {
  std::atomic<std::uint8_t>& state = pages_.states[page];
  if (state.load(std::memory_order_acquire) == kDamaged) return false;
  if (page_is_intact(page)) {
    std::uint8_t unknown = 0;
    state.compare_exchange_strong(unknown, kSound, std::memory_order_acq_rel);
    return true;
  }
  state.store(kDamaged, std::memory_order_release);
  if (!pages_.is_damaged->exchange(true, std::memory_order_acq_rel))
    pages_.damages->fetch_add(1, std::memory_order_acq_rel);
  return false;
}

bool Image::pages_are_sound(std::size_t first, std::size_t last) const {
  for (std::size_t page = first; page <= last; ++page) {
    if (!page_is_sound(page)) return false;
  }
  return true;
}

// The text that goes on behind the page ends in one of those that follow.
[[gnu::noinline, gnu::cold]] bool Image::check_text(std::size_t page) const {
  const TableEntry& strings = header_->tables[static_cast<std::size_t>(Table::strings)];
  const std::uint64_t end = strings.offset + strings.count;
  for (std::size_t at = page; at * kSummedPage < end; ++at) {
    if (!is_sound(bytes() + at * kSummedPage, 1)) return false;
    const std::uint64_t page_end = (at + 1) * kSummedPage;
    const std::uint64_t length = page_end < end ? kSummedPage : end - at * kSummedPage;
    const std::byte* from = bytes() + at * kSummedPage;
    const bool ends_here = at == page
                               ? from[length - 1] == std::byte{0}
                               : std::memchr(from, 0, static_cast<std::size_t>(length)) != nullptr;
    if (ends_here) break;
  }
  pages_.states[page].store(kSoundText, std::memory_order_release);
  return true;
}

bool Image::check_table(Table which) const {
  constexpr std::size_t kSmall = 8;  // pages
  constexpr std::uint32_t kManySearches = 200;
  const TableEntry& table = header_->tables[static_cast<std::size_t>(which)];
  if (table.count == 0) return true;
  const std::uint64_t size = table.count * kRecordSizes[static_cast<std::size_t>(which)];
  const std::uint64_t first = table.offset / kSummedPage;
  const std::uint64_t last = (table.offset + size - 1) / kSummedPage;
  const bool is_worth_it = last - first < kSmall ||
                           pages_.searches->fetch_add(1, std::memory_order_relaxed) > kManySearches;
  if (!is_worth_it || !pages_are_sound(first, last)) return false;
  pages_.sound_tables->fetch_or(1u << static_cast<unsigned>(which), std::memory_order_acq_rel);
  return true;
}

// The index of the last record whose key is at most `at`, or `size` if there is none. Keys are 8 bytes at the start of records that are
// aligned so: none lies on two pages.
template <typename Record, typename Key>
std::size_t Image::last_at_or_below(Table which, std::uint64_t at, Key key) const {
  const std::span<const Record> records = table<Record>(which);
  const bool is_checked = table_is_sound(which);
  std::size_t low = 0;
  for (std::size_t high = records.size(); low < high;) {
    const std::size_t middle = low + (high - low) / 2;
    if (!is_checked && !is_sound(&records[middle], sizeof(std::uint64_t))) return records.size();
    if (key(records[middle]) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return records.size();
  return is_checked || is_sound(&records[low - 1], sizeof(Record)) ? low - 1 : records.size();
}

std::span<const MemberRecord> Image::members_of(const TypeRecord& type) const {
  const auto all = members();
  const bool has_members = type.kind == Kind::composite || type.kind == Kind::subprogram;
  if (!has_members || type.first > all.size() || type.count > all.size() - type.first) return {};
  return sound(all.subspan(type.first, type.count));
}

std::span<const EnumeratorRecord> Image::enumerators_of(const TypeRecord& type) const {
  const auto all = enumerators();
  if (type.kind != Kind::enumeration || type.first > all.size()) return {};
  if (type.count > all.size() - type.first) return {};
  return sound(all.subspan(type.first, type.count));
}

bool Image::is_named(TypeIndex index, std::string_view name) const {
  const TypeRecord* record = type(index);
  if (record == nullptr) return false;
  if (name == text(record->name)) return true;
  for (const AliasRecord& alias : sound(table<AliasRecord>(Table::aliases))) {
    if (alias.type == index && name == text(alias.name)) return true;
  }
  return false;
}

const StaticRecord* Image::find_in(Table which, std::uint64_t at) const {
  const auto records = table<StaticRecord>(which);
  std::size_t index =
      last_at_or_below<StaticRecord>(which, at, [](const StaticRecord& r) { return r.address; });
  // Records are in order of address, larger ones first: the last at or below is the innermost candidate, and what
  // contains it is up its chain. A chain that does not go down in index is damage.
  while (index < records.size()) {
    const StaticRecord& record = records[index];
    if (at - record.address < record.size) return &record;
    if (record.enclosing >= index) return nullptr;
    index = record.enclosing;
    if (!is_sound(&records[index], sizeof(StaticRecord))) return nullptr;
  }
  return nullptr;
}

const StaticRecord* Image::enclosing(Table which, const StaticRecord& record) const {
  const auto records = table<StaticRecord>(which);
  const auto index = static_cast<std::size_t>(&record - records.data());
  return record.enclosing < index ? sound(records, record.enclosing) : nullptr;
}

const StaticRecord* Image::containing(Table which, const StaticRecord& record) const {
  const StaticRecord* outer = enclosing(which, record);
  while (outer != nullptr) {
    const std::uint64_t into = record.address - outer->address;
    if (into < outer->size && record.size <= outer->size - into) return outer;
    outer = enclosing(which, *outer);
  }
  return nullptr;
}

template <typename Record>
const Record* Image::first_from(Table which, std::uint64_t at) const {
  const auto records = table<Record>(which);
  const std::size_t below =
      at == 0 ? records.size()
              : last_at_or_below<Record>(which, at - 1, [](const Record& r) { return r.address; });
  const Record* const found = sound(records, below < records.size() ? below + 1 : 0);
  return found != nullptr && found->address >= at ? found : nullptr;
}

const StaticRecord* Image::first_static_from(Table which, std::uint64_t at) const {
  return first_from<StaticRecord>(which, at);
}
const RegionRecord* Image::first_region_from(Table which, std::uint64_t at) const {
  return first_from<RegionRecord>(which, at);
}

const FunctionRecord* Image::find_function(std::uint64_t pc) const {
  const auto all = table<FunctionRecord>(Table::functions);
  const std::size_t index = last_at_or_below<FunctionRecord>(
      Table::functions, pc, [](const FunctionRecord& r) { return r.low; });
  return index < all.size() && pc - all[index].low < all[index].length ? &all[index] : nullptr;
}

std::span<const VariableRecord> Image::variables_of(const FunctionRecord& function) const {
  const auto all = table<VariableRecord>(Table::variables);
  if (function.first_variable > all.size()) return {};
  if (function.variable_count > all.size() - function.first_variable) return {};
  return sound(all.subspan(function.first_variable, function.variable_count));
}

const SiteRecord* Image::find_site(std::uint64_t return_address) const {
  const auto all = table<SiteRecord>(Table::sites);
  const std::size_t index = last_at_or_below<SiteRecord>(
      Table::sites, return_address, [](const SiteRecord& r) { return r.return_address; });
  return index < all.size() && all[index].return_address == return_address ? &all[index] : nullptr;
}

const VirtualTableRecord* Image::find_virtual_table(std::uint64_t address) const {
  const auto all = table<VirtualTableRecord>(Table::virtual_tables);
  const std::size_t index = last_at_or_below<VirtualTableRecord>(
      Table::virtual_tables, address, [](const VirtualTableRecord& r) { return r.address; });
  return index < all.size() && all[index].address == address ? &all[index] : nullptr;
}

std::span<const ContainerRecord> Image::find_containers(TypeIndex type) const {
  const auto all = table<ContainerRecord>(Table::containers);
  if (!table_is_sound(Table::containers) && sound(all).empty()) return {};
  const auto [first, last] =
      std::equal_range(all.begin(), all.end(), ContainerRecord{.type = type},
                       [](const auto& a, const auto& b) { return a.type < b.type; });
  return all.subspan(static_cast<std::size_t>(first - all.begin()),
                     static_cast<std::size_t>(last - first));
}

const RegionRecord* Image::find_region(Table which, std::uint64_t at) const {
  const auto all = table<RegionRecord>(which);
  const std::size_t index =
      last_at_or_below<RegionRecord>(which, at, [](const RegionRecord& r) { return r.address; });
  return index < all.size() && at - all[index].address < all[index].size ? &all[index] : nullptr;
}

}  // namespace allocs::types
