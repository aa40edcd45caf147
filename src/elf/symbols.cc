// SPDX-License-Identifier: Apache-2.0
#include "elf/symbols.h"

#include <cstring>

namespace allocs::elf {
namespace {

bool has_address(const Symbol& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
         (type == STT_FUNC || type == STT_OBJECT || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

int rank(const Symbol& symbol) {
  const bool typed = ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE;
  const unsigned binding = ELF64_ST_BIND(symbol.st_info);
  return (typed ? 4 : 0) + (binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0);
}

// The bytes of a symbol; one of size 0 has its own first byte.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  bool contains(std::uint64_t address) const { return address - begin < size; }
  bool lies_in(const Extent& other) const {
    return begin >= other.begin && size <= other.size && begin - other.begin <= other.size - size;
  }
  bool operator==(const Extent&) const = default;
};
Extent extent_of(const Symbol& symbol) {
  return {symbol.st_value, symbol.st_size == 0 ? 1 : symbol.st_size};
}

}  // namespace

SymbolTable::SymbolTable(const File& file) : SymbolTable(file, SHT_SYMTAB) {
  if (count_ == 0) *this = SymbolTable(file, SHT_DYNSYM);
}

SymbolTable::SymbolTable(const File& file, Elf64_Word section_type) {
  const auto section = file.find_section(section_type);
  if (!section || section->sh_entsize != sizeof(Symbol)) return;
  const auto strings = file.section(section->sh_link);
  if (!strings) return;
  const std::byte* symbols = file.content(*section);
  const std::byte* names = file.content(*strings);
  if (symbols == nullptr || names == nullptr) return;
  symbols_ = symbols;
  count_ = section->sh_size / sizeof(Symbol);
  strings_ = reinterpret_cast<const char*>(names);
  strings_size_ = strings->sh_size;
}

Symbol SymbolTable::raw_symbol(std::size_t index) const {
  Symbol symbol;
  std::memcpy(&symbol, symbols_ + index * sizeof(Symbol), sizeof(Symbol));
  return symbol;
}

SymbolRecord SymbolTable::operator[](std::size_t index) const {
  const Symbol symbol = raw_symbol(index);
  std::string_view name;
  if (symbol.st_name < strings_size_) {
    const std::size_t room = strings_size_ - symbol.st_name;
    const std::size_t length = strnlen(strings_ + symbol.st_name, room);
    if (length < room) name = {strings_ + symbol.st_name, length};
  }
  return {name,
          LinkAddress{symbol.st_value},
          symbol.st_size,
          static_cast<std::uint8_t>(ELF64_ST_TYPE(symbol.st_info)),
          static_cast<std::uint8_t>(ELF64_ST_BIND(symbol.st_info)),
          symbol.st_shndx};
}

// is_better(value, size, of the symbol and of the best so far, is there none, is its rank higher).
template <typename IsBetter>
std::optional<SymbolRecord> SymbolTable::best_containing(LinkAddress address,
                                                         IsBetter is_better) const {
  std::size_t best = 0;
  Extent best_extent;
  int best_rank = -1;
  for (std::size_t i = 1; i < count_; ++i) {
    const Symbol symbol = raw_symbol(i);
    const Extent extent = extent_of(symbol);
    if (!extent.contains(raw(address)) || !has_address(symbol)) continue;
    const int candidate_rank = rank(symbol);
    const bool is_first = best_rank<0, is_higher = candidate_rank> best_rank;
    if (!is_better(extent, best_extent, is_first, is_higher)) continue;
    best = i;
    best_extent = extent;
    best_rank = candidate_rank;
  }
  if (best_rank < 0) return std::nullopt;
  return (*this)[best];
}

std::optional<SymbolRecord> SymbolTable::containing(LinkAddress address) const {
  return best_containing(
      address, [](const Extent& it, const Extent& best, bool is_first, bool is_higher) {
        return is_first || it.size < best.size || (it.size == best.size && is_higher);
      });
}

std::optional<SymbolRecord> SymbolTable::outermost_containing(LinkAddress address,
                                                              LinkAddress begin,
                                                              std::uint64_t size) const {
  const Extent within{raw(begin), size};
  return best_containing(address,
                         [&](const Extent& it, const Extent& best, bool is_first, bool is_higher) {
                           if (it.size >= size || !it.lies_in(within)) return false;
                           if (is_first || best == it) return is_first || is_higher;
                           return best.lies_in(it) || (!it.lies_in(best) && it.begin > best.begin);
                         });
}

bool SymbolTable::shares_bytes(const SymbolRecord& record) const {
  const Extent own{raw(record.value), record.size == 0 ? 1 : record.size};
  for (std::size_t i = 1; i < count_; ++i) {
    const Symbol symbol = raw_symbol(i);
    const Extent other = extent_of(symbol);
    const bool overlaps = own.contains(other.begin) || other.contains(own.begin);
    if (overlaps && !own.lies_in(other) && !other.lies_in(own) && has_address(symbol)) return true;
  }
  return false;
}

std::optional<SymbolRecord> SymbolTable::named(std::string_view name) const {
  std::optional<SymbolRecord> local;
  for (std::size_t i = 1; i < count_; ++i) {
    const Symbol symbol = raw_symbol(i);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings_size_) continue;
    // One byte more than the name must fit, and be the NUL.
    if (name.size() >= strings_size_ - symbol.st_name) continue;
    const char* candidate = strings_ + symbol.st_name;
    if (std::memcmp(candidate, name.data(), name.size()) != 0 || candidate[name.size()] != 0)
      continue;
    if (ELF64_ST_BIND(symbol.st_info) != STB_LOCAL) return (*this)[i];
    if (!local) local = (*this)[i];
  }
  return local;
}

}  // namespace allocs::elf
