// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "elf/file.h"

namespace allocs::elf {

struct SymbolRecord {
  std::string_view name;  // in the file's bytes
  LinkAddress value{};
  std::uint64_t size = 0;
  std::uint8_t type = STT_NOTYPE;
  std::uint8_t binding = STB_LOCAL;
  std::uint16_t section = SHN_UNDEF;

  bool is_defined() const { return section != SHN_UNDEF; }
};

// The symbols of a file: .symtab, or .dynsym when it was stripped. Needs section headers; without them it is empty.
// Look-ups are linear in the number of symbols (about 2 ns each): index them if you ask often.
// Context: signal. Lives no longer than the file's bytes.
class SymbolTable {
 public:
  SymbolTable() = default;
  explicit SymbolTable(const File& file);
  SymbolTable(const File& file, Elf64_Word section_type);  // SHT_SYMTAB or SHT_DYNSYM

  std::size_t size() const { return count_; }
  SymbolRecord operator[](std::size_t index) const;  // index < size()

  // The function or object whose bytes contain `address`: the shortest one, global before weak before local when several
  // are equally long. A symbol of size 0 contains its own first byte only.
  std::optional<SymbolRecord> containing(LinkAddress address) const;
  // The outermost one instead, of those that lie in [begin, begin + size) but are shorter than that: one step down where symbols lie in symbols, as texts do that share their ends. Of two neither of which
  // lies in the other, the one that begins last.
  std::optional<SymbolRecord> outermost_containing(LinkAddress address, LinkAddress begin,
                                                   std::uint64_t size) const;
  // Does another one begin or end in it, but not both?
  bool shares_bytes(const SymbolRecord& symbol) const;
  // The first definition of that name, global ones first.
  std::optional<SymbolRecord> named(std::string_view name) const;

 private:
  Symbol raw_symbol(std::size_t index) const;
  template <typename IsBetter>
  std::optional<SymbolRecord> best_containing(LinkAddress address, IsBetter is_better) const;

  const std::byte* symbols_ = nullptr;
  std::size_t count_ = 0;
  const char* strings_ = nullptr;
  std::size_t strings_size_ = 0;
};

}  // namespace allocs::elf
