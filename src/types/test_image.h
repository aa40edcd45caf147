// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "types/image.h"

namespace allocs::types {

// An image put together record by record, for tests: nothing is sorted, hashed or checked on the way.
class TestImage {
 public:
  StringRef text(std::string_view text) {
    if (text.empty()) return 0;
    const auto at = static_cast<StringRef>(strings_.size());
    strings_.insert(strings_.end(), text.begin(), text.end());
    strings_.push_back('\0');
    return at;
  }
  template <typename Record>
  std::uint32_t add(Table table, const Record& record) {
    auto& bytes = tables_[static_cast<std::size_t>(table)];
    const auto* from = reinterpret_cast<const char*>(&record);
    bytes.insert(bytes.end(), from, from + sizeof(Record));
    return static_cast<std::uint32_t>(counts_[static_cast<std::size_t>(table)]++);
  }
  TypeIndex add_type(const TypeRecord& type) { return add(Table::types, type); }

  ImageHeader header;

  // The bytes, 8-aligned. Valid until the next call.
  const std::byte* finish() {
    ImageHeader out = header;
    std::vector<char> content;
    tables_[0] = strings_;
    counts_[0] = strings_.size();
    std::size_t body = sizeof(ImageHeader);
    for (const auto& table : tables_) body += (table.size() + 7) / 8 * 8;
    const std::uint64_t sums = sums_for(body);
    const std::size_t first = sizeof(ImageHeader) + sums * sizeof(std::uint64_t);
    for (std::size_t i = 0; i < kTableCount; ++i) {
      out.tables[i] = {first + content.size(), counts_[i]};
      content.insert(content.end(), tables_[i].begin(), tables_[i].end());
      content.resize((content.size() + 7) / 8 * 8);
    }
    out.tables[static_cast<std::size_t>(Table::page_sums)] = {sizeof(ImageHeader), sums};
    out.size = first + content.size();
    words_.assign(out.size / 8, 0);
    std::memcpy(words_.data(), &out, sizeof(out));
    if (!content.empty())
      std::memcpy(reinterpret_cast<char*>(words_.data()) + first, content.data(), content.size());
    seal_image(reinterpret_cast<unsigned char*>(words_.data()));
    return reinterpret_cast<const std::byte*>(words_.data());
  }
  std::size_t size() const { return words_.size() * 8; }
  std::byte* bytes() { return reinterpret_cast<std::byte*>(words_.data()); }

 private:
  std::vector<char> strings_{'\0'};
  std::vector<char> tables_[kTableCount];
  std::uint64_t counts_[kTableCount] = {};
  std::vector<std::uint64_t> words_;
};

}  // namespace allocs::types
