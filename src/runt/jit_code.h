// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/memory.h"
#include "elf/cfi.h"
#include "elf/eh_frame.h"
#include "elf/elf.h"
#include "runt/link_map.h"

// Code that a program made at run time and registered with gdb's JIT interface (gdb's manual, "JIT Compilation Interface").
//
// The program has a variable `__jit_debug_descriptor`, which heads a doubly linked list of entries, each of which names an ELF file in
// memory. Its section headers say where in the process the sections lie (sh_addr); it is a relocatable file as often as not:
//
//     descriptor          entry             entry
//     version 1           next ------------> next = 0
//     first_entry ------> file, size        file, size
//                            |
//                            v  ELF header, .text (code at sh_addr), .eh_frame, .symtab, section headers
//
// .eh_frame is read from the file as if it lay at its sh_addr; but one that still wants relocations from where it lies, since they
// were applied there and not in the file. The list belongs to the program, may change while it is read, and may be nonsense: all reads go
// through the memory, a list that does not end within kMostJitEntries is not believed, nor is what two entries claim. What was found
// is confirmed by reading the list once more afterwards. A record is believed only if it covers the pc and stays in the section of code
// that the pc is in.
//
// Cost: about four reads an entry, and one a record of .eh_frame; in a live process each is a system call.
namespace allocs::runt {

inline constexpr const char* kJitDescriptorName = "__jit_debug_descriptor";

struct JitDescriptor {
  std::uint32_t version = 0;  // 1
  std::uint32_t action = 0;
  Address relevant_entry{};
  Address first_entry{};
};
static_assert(sizeof(JitDescriptor) == 24);

struct JitEntry {
  Address next{};
  Address previous{};
  Address file{};
  std::uint64_t size = 0;
};
static_assert(sizeof(JitEntry) == 32);

inline constexpr unsigned kMostJitEntries = 1u << 16;
inline constexpr unsigned kMostJitSections = 1u << 12;
inline constexpr std::uint64_t kMostJitSymbols = 1u << 16;
inline constexpr std::uint64_t kLargestJitFrames = 16u << 20;  // bytes of .eh_frame

// An entry whose file has a section of code around a pc.
struct JitCode {
  Address entry{};
  JitEntry record{};
  elf::FileHeader header{};
  AddressRange section{};  // of code
  unsigned section_index = 0;
};

namespace jit {

// A part of memory as if it lay elsewhere.
template <Memory M>
struct MovedMemory {
  const M& memory;
  std::uint64_t distance;  // from where it seems to lie to where it does
  const std::byte* view(Address at, std::size_t size) const {
    return memory.view(at + distance, size);
  }
};

// Calls visit(entry, record) for each entry until it returns false. False when the list does not end, or not in memory.
template <Memory M, typename Visit>
bool for_each_entry(const M& memory, Address descriptor, Visit visit) {
  const auto head = load<JitDescriptor>(memory, descriptor);
  if (!head || head->version != 1) return false;
  Address at = head->first_entry;
  for (unsigned i = 0; at != Address{}; ++i) {
    const auto entry = i < kMostJitEntries ? load<JitEntry>(memory, at) : std::nullopt;
    if (!entry || entry->next == at) return false;
    if (!visit(at, *entry)) return true;
    at = entry->next;
  }
  return true;
}

// Calls visit(index, section) for each section of the file until it returns false.
template <Memory M, typename Visit>
void for_each_section(const M& memory, const JitEntry& entry, const elf::FileHeader& header,
                      Visit visit) {
  constexpr unsigned kAtOnce = 16;
  constexpr std::uint64_t kSize = sizeof(elf::SectionHeader);
  if (header.e_shentsize != kSize || header.e_shnum > kMostJitSections) return;
  if (header.e_shoff > entry.size || header.e_shnum > (entry.size - header.e_shoff) / kSize) return;
  std::array<elf::SectionHeader, kAtOnce> sections;
  for (unsigned first = 0; first < header.e_shnum; first += kAtOnce) {
    const unsigned count = std::min<unsigned>(kAtOnce, header.e_shnum - first);
    const std::byte* bytes =
        memory.view(entry.file + header.e_shoff + first * kSize, count * kSize);
    if (bytes == nullptr) return;
    std::memcpy(sections.data(), bytes, count * kSize);
    for (unsigned i = 0; i < count; ++i) {
      if (!visit(first + i, sections[i])) return;
    }
  }
}

inline bool is_in_file(const JitEntry& entry, const elf::SectionHeader& section) {
  return section.sh_offset <= entry.size && section.sh_size <= entry.size - section.sh_offset;
}

template <Memory M>
std::optional<elf::FileHeader> file_header(const M& memory, const JitEntry& entry) {
  if (entry.size < sizeof(elf::FileHeader) || entry.file == Address{}) return std::nullopt;
  auto header = load<elf::FileHeader>(memory, entry.file);
  if (header && !elf::is_supported(*header)) header.reset();
  return header;
}

template <Memory M>
std::optional<JitCode> code_in(const M& memory, Address at, const JitEntry& entry, Address pc) {
  const auto header = file_header(memory, entry);
  std::optional<JitCode> found;
  if (!header) return found;
  for_each_section(memory, entry, *header, [&](unsigned index, const elf::SectionHeader& section) {
    constexpr std::uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
    const Address begin{section.sh_addr};
    if ((section.sh_flags & kCode) == kCode && section.sh_addr != 0 && pc >= begin &&
        pc - begin < section.sh_size) {
      found = JitCode{at, entry, *header, {begin, begin + section.sh_size}, index};
    }
    return !found;
  });
  return found;
}

template <Memory M>
std::optional<elf::SectionHeader> section_at(const M& memory, const JitCode& code,
                                             unsigned wanted) {
  std::optional<elf::SectionHeader> found;
  for_each_section(memory, code.record, code.header,
                   [&](unsigned index, const elf::SectionHeader& section) {
                     if (index == wanted) found = section;
                     return !found;
                   });
  return found;
}

template <Memory M>
bool is_named(const M& memory, const JitCode& code, const elf::SectionHeader& names,
              const elf::SectionHeader& section, std::string_view name) {
  const std::uint64_t size = name.size() + 1;
  if (!is_in_file(code.record, names) || section.sh_name > names.sh_size ||
      size > names.sh_size - section.sh_name)
    return false;
  const std::byte* bytes = memory.view(code.record.file + names.sh_offset + section.sh_name,
                                       static_cast<std::size_t>(size));
  return bytes != nullptr && std::memcmp(bytes, name.data(), name.size()) == 0 &&
         bytes[name.size()] == std::byte{0};
}

// Does the file still hold relocations for that section?
template <Memory M>
bool wants_relocation(const M& memory, const JitCode& code, unsigned wanted) {
  bool wants = false;
  for_each_section(
      memory, code.record, code.header, [&](unsigned, const elf::SectionHeader& section) {
        const bool relocates = section.sh_type == SHT_RELA || section.sh_type == SHT_REL;
        wants = relocates && section.sh_info == wanted && section.sh_size != 0;
        return !wants;
      });
  return wants;
}

// The rule in the records at `place`, read `distance` away from there.
template <Memory M>
std::optional<elf::UnwindRule> rule_in(const M& memory, AddressRange place, std::uint64_t distance,
                                       AddressRange section, Address pc) {
  const MovedMemory<M> moved{memory, distance};
  const elf::EhFrame frames{.bounds = place};
  const auto records = elf::eh_frame::search_records(moved, frames, place.begin, pc);
  if (!records) return std::nullopt;
  auto rule = elf::unwind_rule_of(records->common, records->function, pc);
  const bool is_inside =
      rule && rule->function.begin >= section.begin && rule->function.end <= section.end;
  return is_inside ? rule : std::nullopt;
}

}  // namespace jit

// The one registered file with code at `pc`; absent if there is none, if there are several, or if the list does not hold together.
// Context: signal, if the memory's view() is.
template <Memory M>
std::optional<JitCode> find_jit_code(const M& memory, Address descriptor, Address pc) {
  std::optional<JitCode> found;
  unsigned count = 0;
  const bool is_whole =
      jit::for_each_entry(memory, descriptor, [&](Address at, const JitEntry& entry) {
        if (const auto code = jit::code_in(memory, at, entry, pc)) {
          found = code;
          ++count;
        }
        return true;
      });
  return is_whole && count == 1 ? found : std::nullopt;
}

// Whether the list still holds the entry as it was. Context: as above.
template <Memory M>
bool is_still_registered(const M& memory, Address descriptor, const JitCode& code) {
  bool is_there = false;
  const bool is_whole =
      jit::for_each_entry(memory, descriptor, [&](Address at, const JitEntry& entry) {
        is_there =
            at == code.entry && entry.file == code.record.file && entry.size == code.record.size;
        return !is_there;
      });
  return is_whole && is_there;
}

// The rule for `pc` from the file's .eh_frame. Its expressions live as long as the memory's views. Context: as above.
template <Memory M>
std::optional<elf::UnwindRule> jit_rule_of(const M& memory, const JitCode& code, Address pc) {
  const auto names = jit::section_at(memory, code, code.header.e_shstrndx);
  if (!names) return std::nullopt;
  std::optional<elf::UnwindRule> rule;
  jit::for_each_section(
      memory, code.record, code.header, [&](unsigned index, const elf::SectionHeader& section) {
        if (section.sh_type == SHT_NOBITS || section.sh_size > kLargestJitFrames ||
            !jit::is_named(memory, code, *names, section, ".eh_frame"))
          return true;
        const Address begin{section.sh_addr};
        const AddressRange place{begin, begin + section.sh_size};
        if (jit::wants_relocation(memory, code, index)) {
          if (section.sh_addr != 0) rule = jit::rule_in(memory, place, 0, code.section, pc);
        } else if (jit::is_in_file(code.record, section)) {
          const std::uint64_t distance = raw(code.record.file) + section.sh_offset - raw(begin);
          rule = jit::rule_in(memory, place, distance, code.section, pc);
        }
        return !rule;
      });
  return rule;
}

// Writes the name of the function whose bytes contain `pc`, cut to fit and terminated; false, and an empty text, if the file's
// symbols do not tell. Of several the shortest function has it. Context: as above.
template <Memory M>
bool jit_name_of(const M& memory, const JitCode& code, Address pc, std::span<char> name) {
  if (!name.empty()) name[0] = '\0';
  elf::SectionHeader table{};
  jit::for_each_section(memory, code.record, code.header,
                        [&](unsigned, const elf::SectionHeader& section) {
                          if (section.sh_type == SHT_SYMTAB ||
                              (section.sh_type == SHT_DYNSYM && table.sh_type == SHT_NULL))
                            table = section;
                          return table.sh_type != SHT_SYMTAB;
                        });
  if (table.sh_type == SHT_NULL || !jit::is_in_file(code.record, table)) return false;
  const auto strings = jit::section_at(memory, code, table.sh_link);
  if (!strings || !jit::is_in_file(code.record, *strings)) return false;
  const std::uint64_t count = std::min(table.sh_size / sizeof(elf::Symbol), kMostJitSymbols);
  std::uint64_t best_size = ~std::uint64_t{0};
  std::uint64_t best_name = 0;
  constexpr std::uint64_t kAtOnce = 64;
  std::array<elf::Symbol, kAtOnce> symbols;
  for (std::uint64_t first = 0; first < count; first += kAtOnce) {
    const std::uint64_t some = std::min(kAtOnce, count - first);
    const std::byte* bytes =
        memory.view(code.record.file + table.sh_offset + first * sizeof(elf::Symbol),
                    static_cast<std::size_t>(some * sizeof(elf::Symbol)));
    if (bytes == nullptr) return false;
    std::memcpy(symbols.data(), bytes, static_cast<std::size_t>(some * sizeof(elf::Symbol)));
    for (const elf::Symbol& symbol : std::span(symbols).first(static_cast<std::size_t>(some))) {
      const bool is_relative = code.header.e_type == ET_REL;
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF ||
          (is_relative && symbol.st_shndx != code.section_index))
        continue;
      const std::uint64_t begin = symbol.st_value + (is_relative ? raw(code.section.begin) : 0);
      if (raw(pc) < begin || raw(pc) - begin >= symbol.st_size || symbol.st_size >= best_size)
        continue;
      best_size = symbol.st_size;
      best_name = symbol.st_name;
    }
  }
  if (best_name == 0 || best_name >= strings->sh_size) return false;
  const std::uint64_t room = strings->sh_size - best_name;
  const auto length =
      copy_text(memory, code.record.file + strings->sh_offset + best_name,
                name.first(static_cast<std::size_t>(std::min<std::uint64_t>(name.size(), room))));
  return length && *length != 0;
}

}  // namespace allocs::runt
