// SPDX-License-Identifier: Apache-2.0
#include "meta/linkage.h"

#include <algorithm>
#include <cstring>

namespace allocs::meta {
namespace {

template <typename T>
T value_at(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

const Section* section_numbered(const ElfFile& object, std::uint32_t index) {
  for (const Section& section : object.sections()) {
    if (section.index == index) return &section;
  }
  return nullptr;
}

// Symbol names of a relocation section's own symbol table, without versions.
class SymbolTable {
 public:
  SymbolTable(const ElfFile& object, std::uint32_t index) {
    const Section* table = section_numbered(object, index);
    if (index == 0 || table == nullptr) return;
    const Section* texts = section_numbered(object, table->link);
    if (texts == nullptr) return;
    symbols_ = table->bytes;
    texts_ = texts->bytes;
  }

  std::optional<Elf64_Sym> at(std::uint32_t index) const {
    if ((index + std::size_t{1}) * sizeof(Elf64_Sym) > symbols_.size()) return std::nullopt;
    return value_at<Elf64_Sym>(symbols_, index * sizeof(Elf64_Sym));
  }

  std::string_view name_of(const Elf64_Sym& symbol) const {
    if (symbol.st_name >= texts_.size()) return {};
    const char* text = reinterpret_cast<const char*>(texts_.data()) + symbol.st_name;
    const std::string_view name{text, strnlen(text, texts_.size() - symbol.st_name)};
    return name.substr(0, name.find('@'));
  }

 private:
  std::span<const std::byte> symbols_;
  std::span<const std::byte> texts_;
};

bool is_data(const Section& section) {
  return section.type == SHT_PROGBITS && (section.flags & SHF_ALLOC) != 0 &&
         (section.flags & SHF_EXECINSTR) == 0 && !section.name.starts_with(".eh_frame") &&
         section.name != ".gcc_except_table";
}

// A constructor has a symbol for each of its variants (C1, C2), and so has a destructor; compilers add names of their own behind a dot ("f.localalias").
bool are_of_one_function(std::string_view a, std::string_view b) {
  a = a.substr(0, a.find('.'));
  b = b.substr(0, b.find('.'));
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool is_digit = a[i] >= '0' && a[i] <= '5' && b[i] >= '0' && b[i] <= '5';
    const bool is_variant = is_digit && i > 0 && (a[i - 1] == 'C' || a[i - 1] == 'D');
    if (a[i] != b[i] && !is_variant) return false;
  }
  return true;
}

// Whether the program may still write there once it was loaded.
bool is_variable(const Section& section) {
  const bool is_protected =
      section.name.starts_with(".data.rel.ro") || section.name.ends_with("_array");
  return is_data(section) && (section.flags & SHF_WRITE) != 0 && !is_protected;
}

}  // namespace

Linkage::Linkage(const ObjectFiles& files) {
  for (const Section& section : files.object->sections()) {
    const Range range{section.address, section.address + section.size};
    if (section.name.starts_with(".got")) {
      tables_.push_back(range);
    } else if (is_variable(section)) {
      variables_.push_back(range);
    }
  }
  read_symbols(files);
  read_relocations(*files.object);
  read_stubs(*files.object);
  if (files.object->header().e_type == ET_EXEC) read_plain_words(*files.object);

  std::sort(function_starts_.begin(), function_starts_.end());
  function_starts_.erase(std::unique(function_starts_.begin(), function_starts_.end()),
                         function_starts_.end());
  const auto by_place = [](const DataPointer& a, const DataPointer& b) {
    return a.at != b.at ? a.at < b.at : a.target < b.target;
  };
  const auto same_place = [](const DataPointer& a, const DataPointer& b) { return a.at == b.at; };
  std::sort(data_pointers_.begin(), data_pointers_.end(), by_place);
  data_pointers_.erase(std::unique(data_pointers_.begin(), data_pointers_.end(), same_place),
                       data_pointers_.end());
}

void Linkage::read_symbols(const ObjectFiles& files) {
  for (const Symbol& symbol : files.symbols) {
    if (symbol.section == SHN_UNDEF || symbol.section == SHN_ABS || symbol.value == 0) continue;
    if (symbol.type != STT_FUNC && symbol.type != STT_GNU_IFUNC && symbol.type != STT_NOTYPE) {
      continue;
    }
    if (symbol.type == STT_NOTYPE && !files.object->is_code(symbol.value)) continue;
    names_.emplace(symbol.value, symbol.name);
    addresses_.emplace(symbol.name, symbol.value);
    if (symbol.type != STT_NOTYPE) function_starts_.push_back(symbol.value);
  }
}

void Linkage::add_pointer(std::uint64_t at, std::uint64_t target) {
  data_pointers_.push_back({at, target});
}

void Linkage::read_relocations(const ElfFile& object) {
  for (const Section& section : object.sections()) {
    if ((section.flags & SHF_ALLOC) == 0) continue;
    if (section.type == SHT_RELR) read_packed_relocations(object, section);
    if (section.type != SHT_RELA) continue;
    const SymbolTable symbols{object, section.link};
    for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= section.bytes.size();
         at += sizeof(Elf64_Rela)) {
      const auto relocation = value_at<Elf64_Rela>(section.bytes, at);
      const auto addend = static_cast<std::uint64_t>(relocation.r_addend);
      switch (ELF64_R_TYPE(relocation.r_info)) {
        case R_X86_64_RELATIVE:
          slots_[relocation.r_offset] = {{}, addend};
          add_pointer(relocation.r_offset, addend);
          break;
        case R_X86_64_64:
        case R_X86_64_GLOB_DAT:
        case R_X86_64_JUMP_SLOT: {
          const auto symbol = symbols.at(ELF64_R_SYM(relocation.r_info));
          if (!symbol) break;
          const bool defined = symbol->st_shndx != SHN_UNDEF;
          slots_[relocation.r_offset] = {symbols.name_of(*symbol), defined ? symbol->st_value : 0};
          if (defined) add_pointer(relocation.r_offset, symbol->st_value + addend);
          break;
        }
        default:
          break;
      }
    }
  }
}

// SHT_RELR: an even word is the address of one relocated word; an odd one is a bitmap of the 63 words that follow the last.
void Linkage::read_packed_relocations(const ElfFile& object, const Section& section) {
  std::uint64_t next = 0;
  const auto add = [&](std::uint64_t at) {
    const std::span<const std::byte> word = object.bytes_at(at, 8);
    if (word.size() < 8) return;
    const auto target = value_at<std::uint64_t>(word, 0);
    slots_[at] = {{}, target};
    add_pointer(at, target);
  };
  for (std::size_t at = 0; at + 8 <= section.bytes.size(); at += 8) {
    const auto entry = value_at<std::uint64_t>(section.bytes, at);
    if ((entry & 1) == 0) {
      add(entry);
      next = entry + 8;
      continue;
    }
    for (unsigned bit = 1; bit < 64; ++bit) {
      if ((entry >> bit & 1) != 0) add(next + 8 * (bit - 1));
    }
    next += std::uint64_t{8} * 63;
  }
}

// A stub is `jmp *slot(%rip)` with perhaps `bnd` and `endbr64` before it; calls go to the first byte of all that.
void Linkage::read_stubs(const ElfFile& object) {
  constexpr unsigned char kEndbr64[] = {0xF3, 0x0F, 0x1E, 0xFA};
  for (const Section& section : object.sections()) {
    if ((section.flags & SHF_EXECINSTR) == 0 || !section.name.starts_with(".plt")) continue;
    const auto* bytes = reinterpret_cast<const unsigned char*>(section.bytes.data());
    for (std::size_t at = 0; at + 6 <= section.bytes.size(); ++at) {
      if (bytes[at] != 0xFF || bytes[at + 1] != 0x25) continue;
      const std::uint64_t slot =
          section.address + at + 6 +
          static_cast<std::uint64_t>(std::int64_t{value_at<std::int32_t>(section.bytes, at + 2)});
      if (!slots_.contains(slot)) continue;
      std::size_t start = at;
      stubs_[section.address + start] = slot;
      if (start > 0 && bytes[start - 1] == 0xF2) stubs_[section.address + --start] = slot;
      if (start >= 4 && std::memcmp(bytes + start - 4, kEndbr64, 4) == 0) {
        stubs_[section.address + start - 4] = slot;
      }
      at += 5;
    }
  }
}

void Linkage::read_plain_words(const ElfFile& object) {
  std::vector<const Section*> data;
  for (const Section& section : object.sections()) {
    if (is_data(section)) data.push_back(&section);
  }
  for (const Section* section : data) {
    const std::size_t misaligned = (8 - section->address % 8) % 8;
    for (std::size_t at = misaligned; at + 8 <= section->bytes.size(); at += 8) {
      const auto word = value_at<std::uint64_t>(section->bytes, at);
      if (object.is_code(word)) {
        slots_.try_emplace(section->address + at, Slot{{}, word});
        add_pointer(section->address + at, word);
        continue;
      }
      for (const Section* target : data) {
        if (word - target->address < target->size) add_pointer(section->address + at, word);
      }
    }
  }
}

Callee Linkage::callee_at(std::uint64_t target) const {
  const auto stub = stubs_.find(target);
  if (stub != stubs_.end()) return callee_in_slot(stub->second);
  const auto name = names_.find(target);
  return {name == names_.end() ? std::string_view{} : name->second, target};
}

Callee Linkage::callee_in_slot(std::uint64_t slot) const {
  const auto found = slots_.find(slot);
  if (found == slots_.end()) return {};
  const Slot& content = found->second;
  Callee callee{content.name, content.address};
  if (content.name.empty()) {
    const auto name = names_.find(content.address);
    if (name != names_.end()) callee.name = name->second;
  }
  callee.may_be_another = std::ranges::any_of(
      variables_, [&](const Range& range) { return slot >= range.low && slot < range.high; });
  return callee;
}

std::optional<std::uint64_t> Linkage::address_in_table(std::uint64_t slot) const {
  const bool is_in_table = std::any_of(tables_.begin(), tables_.end(), [&](const Range& table) {
    return slot >= table.low && slot < table.high;
  });
  const auto found = is_in_table ? slots_.find(slot) : slots_.end();
  if (found == slots_.end() || found->second.address == 0) return std::nullopt;
  return found->second.address;
}

std::vector<std::string_view> Linkage::names_at(std::uint64_t address) const {
  std::vector<std::string_view> names;
  const auto [begin, end] = names_.equal_range(address);
  for (auto at = begin; at != end; ++at) names.push_back(at->second);
  return names;
}

bool Linkage::are_several_functions(std::uint64_t address) const {
  std::vector<std::string_view> names = names_at(address);
  std::erase_if(names, [](std::string_view name) { return !name.starts_with("_Z"); });
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    return !are_of_one_function(name, names.front());
  });
}

std::optional<std::uint64_t> Linkage::address_of(std::string_view name) const {
  const auto found = addresses_.find(name);
  if (found == addresses_.end()) return std::nullopt;
  return found->second;
}

}  // namespace allocs::meta
