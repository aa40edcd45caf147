// SPDX-License-Identifier: Apache-2.0
#include "elf/implied_sections.h"

#include <algorithm>

namespace allocs::elf {

namespace {

// What the entries of the dynamic section say, each by the last entry of its tag; 0: there is none.
struct Dynamic {
  std::uint64_t strings = 0, strings_size = 0, symbols = 0, hash = 0, gnu_hash = 0;
  std::uint64_t rela = 0, rela_size = 0, rel = 0, rel_size = 0, relr = 0, relr_size = 0;
  std::uint64_t plt = 0, plt_size = 0, plt_type = 0;
  std::uint64_t init = 0, init_size = 0, fini = 0, fini_size = 0, early = 0, early_size = 0;
  std::uint64_t versions = 0, needed = 0, needed_count = 0, defined = 0, defined_count = 0;
};
struct Tag {
  Elf64_Sxword tag;
  std::uint64_t Dynamic::*value;
};
constexpr Elf64_Sxword kRelr = 36, kRelrSize = 35;  // DT_RELR, DT_RELRSZ
constexpr Tag kTags[] = {
    {DT_STRTAB, &Dynamic::strings},          {DT_STRSZ, &Dynamic::strings_size},
    {DT_SYMTAB, &Dynamic::symbols},          {DT_HASH, &Dynamic::hash},
    {DT_GNU_HASH, &Dynamic::gnu_hash},       {DT_RELA, &Dynamic::rela},
    {DT_RELASZ, &Dynamic::rela_size},        {DT_REL, &Dynamic::rel},
    {DT_RELSZ, &Dynamic::rel_size},          {kRelr, &Dynamic::relr},
    {kRelrSize, &Dynamic::relr_size},        {DT_JMPREL, &Dynamic::plt},
    {DT_PLTRELSZ, &Dynamic::plt_size},       {DT_PLTREL, &Dynamic::plt_type},
    {DT_INIT_ARRAY, &Dynamic::init},         {DT_INIT_ARRAYSZ, &Dynamic::init_size},
    {DT_FINI_ARRAY, &Dynamic::fini},         {DT_FINI_ARRAYSZ, &Dynamic::fini_size},
    {DT_PREINIT_ARRAY, &Dynamic::early},     {DT_PREINIT_ARRAYSZ, &Dynamic::early_size},
    {DT_VERSYM, &Dynamic::versions},         {DT_VERNEED, &Dynamic::needed},
    {DT_VERNEEDNUM, &Dynamic::needed_count}, {DT_VERDEF, &Dynamic::defined},
    {DT_VERDEFNUM, &Dynamic::defined_count}};

// Bytes of the file that are known to be there.
struct Extent {
  FileBytes at = 0;
  std::uint64_t size = 0;
};

class Lister {
 public:
  Lister(const FileView& file, ImpliedSection* sections) : file_(file), sections_(sections) {}

  std::size_t run() {
    sections_[count_++] = {};
    list_segments();
    if (dynamic_index_ != 0) list_dynamic();
    return count_;
  }

 private:
  // What follows in the file from that address on, up to the end of its segment.
  std::optional<Extent> extent_at(std::uint64_t address) const {
    for (std::uint32_t i = 0; i < file_.program_headers(); ++i) {
      const auto segment = file_.program_header(i);
      if (!segment || segment->p_type != PT_LOAD || address < segment->p_vaddr) continue;
      const std::uint64_t into = address - segment->p_vaddr;
      if (into >= segment->p_filesz) continue;
      if (!file_.has(segment->p_offset, segment->p_filesz)) return std::nullopt;
      return Extent{segment->p_offset + into, segment->p_filesz - into};
    }
    return std::nullopt;
  }

  std::uint32_t add(const char* name, std::uint32_t type, FileBytes at, std::uint64_t size) {
    if (size == 0 || !file_.has(at, size)) return 0;
    ImpliedSection& section = sections_[count_];
    section = {};
    section.name = name;
    section.header.sh_type = type;
    section.header.sh_flags = SHF_ALLOC;
    section.header.sh_offset = at;
    section.header.sh_size = size;
    return count_++;
  }
  // `size` bytes at an address; 0 if they are not all there.
  std::uint32_t add_table(const char* name, std::uint32_t type, std::uint64_t address,
                          std::uint64_t size, std::uint32_t link = 0) {
    const auto extent = address == 0 ? std::nullopt : extent_at(address);
    if (!extent || size > extent->size) return 0;
    const std::uint32_t index = add(name, type, extent->at, size);
    if (index != 0) {
      sections_[index].header.sh_addr = address;
      sections_[index].header.sh_link = link;
    }
    return index;
  }

  void list_segments() {
    for (std::uint32_t i = 0; i < file_.program_headers(); ++i) {
      const auto segment = file_.program_header(i);
      if (!segment) continue;
      switch (segment->p_type) {
        case PT_INTERP: {
          const std::uint32_t index =
              add("PT_INTERP", SHT_PROGBITS, segment->p_offset, segment->p_filesz);
          sections_[index].header.sh_flags |= index == 0 ? 0 : SHF_STRINGS;
          sections_[index].header.sh_entsize = index == 0 ? 0 : 1;
          break;
        }
        case PT_DYNAMIC: {
          const std::uint64_t whole =
              segment->p_filesz - segment->p_filesz % file_.size_of<DynamicEntry>();
          const std::uint32_t index = add("PT_DYNAMIC", SHT_DYNAMIC, segment->p_offset, whole);
          if (dynamic_index_ == 0) dynamic_index_ = index;
          break;
        }
        case PT_NOTE: {
          const std::uint32_t index =
              add("PT_NOTE", SHT_NOTE, segment->p_offset, segment->p_filesz);
          if (index != 0) sections_[index].header.sh_addralign = segment->p_align;
          break;
        }
        case PT_TLS:
          add("PT_TLS", SHT_PROGBITS, segment->p_offset, segment->p_filesz);
          break;
        case PT_GNU_EH_FRAME:
          add("PT_GNU_EH_FRAME", SHT_PROGBITS, segment->p_offset, segment->p_filesz);
          break;
        case PT_LOAD: {
          const std::uint32_t index =
              add("PT_LOAD", SHT_PROGBITS, segment->p_offset, segment->p_filesz);
          if (index != 0) sections_[index].is_segment = true;
          // In a core it is what was in memory: also what was no code.
          if (index != 0 && (segment->p_flags & PF_X) != 0 && file_.header().e_type != ET_CORE)
            sections_[index].header.sh_flags |= SHF_EXECINSTR;
          break;
        }
        default:
          break;
      }
    }
  }

  Dynamic read_dynamic() const {
    Dynamic dynamic;
    const SectionHeader& section = sections_[dynamic_index_].header;
    for (std::uint64_t into = 0; into < section.sh_size; into += file_.size_of<DynamicEntry>()) {
      const auto entry = file_.read<DynamicEntry>(section.sh_offset + into);
      if (!entry || entry->d_tag == DT_NULL) break;
      for (const Tag& each : kTags)
        if (each.tag == entry->d_tag) dynamic.*each.value = entry->d_un.d_val;
    }
    return dynamic;
  }

  void list_dynamic() {
    const Dynamic of = read_dynamic();
    const std::uint32_t strings = add_table("DT_STRTAB", SHT_STRTAB, of.strings, of.strings_size);
    sections_[dynamic_index_].header.sh_link = strings;
    const auto gnu_hash = gnu_hash_at(of.gnu_hash);
    const std::uint64_t count = count_symbols(of, gnu_hash);
    const std::uint32_t symbols = list_symbols(of, count, strings);
    list_hash(of, symbols);
    if (gnu_hash.size != 0)
      add_table("DT_GNU_HASH", SHT_GNU_HASH, of.gnu_hash, gnu_hash.size, symbols);
    add_table("DT_RELA", SHT_RELA, of.rela, of.rela_size, symbols);
    add_table("DT_REL", SHT_REL, of.rel, of.rel_size, symbols);
    add_table("DT_RELR", SHT_RELR, of.relr, of.relr_size);
    add_table("DT_JMPREL", of.plt_type == DT_REL ? SHT_REL : SHT_RELA, of.plt, of.plt_size,
              symbols);
    add_table("DT_INIT_ARRAY", SHT_INIT_ARRAY, of.init, of.init_size);
    add_table("DT_FINI_ARRAY", SHT_FINI_ARRAY, of.fini, of.fini_size);
    add_table("DT_PREINIT_ARRAY", SHT_PREINIT_ARRAY, of.early, of.early_size);
    if (symbols != 0)
      add_table("DT_VERSYM", SHT_GNU_versym, of.versions, count * sizeof(Elf64_Half), symbols);
    add_table("DT_VERNEED", SHT_GNU_verneed, of.needed, size_of_needed(of), strings);
    add_table("DT_VERDEF", SHT_GNU_verdef, of.defined, size_of_defined(of), strings);
  }

  std::uint32_t list_symbols(const Dynamic& of, std::uint64_t count, std::uint32_t strings) {
    if (count > file_.size()) return 0;
    const std::uint32_t index =
        add_table("DT_SYMTAB", SHT_DYNSYM, of.symbols, count * file_.size_of<Symbol>(), strings);
    if (index != 0) sections_[index].header.sh_entsize = file_.size_of<Symbol>();
    return index;
  }

  // ---- how many there are ----

  // DT_HASH: how many buckets and chains there are, and these, of 4 bytes each; of 8 in 64-bit files for two machines.
  std::uint64_t size_of_hash_word() const {
    const auto machine = file_.header().e_machine;
    return !file_.form().is_32 && (machine == EM_ALPHA || machine == EM_S390) ? 8 : 4;
  }
  std::optional<std::uint64_t> hash_word(FileBytes at) const {
    if (size_of_hash_word() == sizeof(std::uint64_t)) return file_.read<std::uint64_t>(at);
    return file_.read<std::uint32_t>(at);
  }
  std::optional<std::uint64_t> words_of_hash(const Dynamic& of, std::uint64_t& chains) const {
    const auto extent = of.hash == 0 ? std::nullopt : extent_at(of.hash);
    if (!extent) return std::nullopt;
    const auto buckets = hash_word(extent->at);
    const auto count = hash_word(extent->at + size_of_hash_word());
    const std::uint64_t most = extent->size / size_of_hash_word();
    if (!buckets || !count || *buckets > most || *count > most || 2 + *buckets + *count > most)
      return std::nullopt;
    chains = *count;
    return 2 + *buckets + *count;
  }
  void list_hash(const Dynamic& of, std::uint32_t symbols) {
    std::uint64_t chains = 0;
    const auto words = words_of_hash(of, chains);
    const std::uint64_t size = words.value_or(0) * size_of_hash_word();
    const std::uint32_t index = add_table("DT_HASH", SHT_HASH, of.hash, size, symbols);
    if (index != 0) sections_[index].header.sh_entsize = size_of_hash_word();
  }

  struct GnuHash {
    std::uint64_t size = 0;     // bytes; 0: there is none that holds together
    std::uint64_t symbols = 0;  // as far as it knows of them
  };
  // Four numbers, a filter of words as large as addresses, the buckets, and for each symbol from `first` on a word, whose lowest bit says that it is the last one of its bucket.
  GnuHash gnu_hash_at(std::uint64_t address) const {
    const auto extent = address == 0 ? std::nullopt : extent_at(address);
    constexpr std::uint64_t kWord = sizeof(std::uint32_t), kHead = 4 * kWord;
    if (!extent || extent->size < kHead) return {};
    const auto buckets = file_.read<std::uint32_t>(extent->at).value_or(0);
    const auto first = file_.read<std::uint32_t>(extent->at + kWord).value_or(0);
    const auto filter_words = file_.read<std::uint32_t>(extent->at + 2 * kWord).value_or(0);
    const std::uint64_t before =
        kHead + std::uint64_t{filter_words} * file_.address_size() + buckets * kWord;
    if (before > extent->size) return {};
    std::uint32_t last = 0;
    for (std::uint64_t i = 1; i <= buckets; ++i)
      last = std::max(last,
                      file_.read<std::uint32_t>(extent->at + before - i * sizeof last).value_or(0));
    if (last == 0) return {before, first};
    if (last < first) return {};
    for (std::uint64_t symbol = last;; ++symbol) {
      const std::uint64_t end = before + (symbol - first + 1) * sizeof(std::uint32_t);
      if (end > extent->size) return {};
      const auto chain = file_.read<std::uint32_t>(extent->at + end - sizeof(std::uint32_t));
      if (!chain) return {};
      if ((*chain & 1) != 0) return {end, symbol + 1};
    }
  }

  template <typename Relocation>
  std::uint64_t most_referred(std::uint64_t address, std::uint64_t size) const {
    const auto extent = address == 0 ? std::nullopt : extent_at(address);
    std::uint64_t most = 0;
    if (!extent || size > extent->size) return most;
    const std::uint64_t step = file_.size_of<Relocation>();
    for (std::uint64_t into = 0; into + step <= size; into += step) {
      const auto relocation = file_.read<Relocation>(extent->at + into);
      if (relocation)
        most = std::max<std::uint64_t>(most, symbol_of_relocation(file_, relocation->r_info));
    }
    return most;
  }

  std::uint64_t count_symbols(const Dynamic& of, const GnuHash& gnu_hash) const {
    std::uint64_t chains = 0;
    if (words_of_hash(of, chains)) return chains;
    const std::uint64_t referred =
        std::max({most_referred<Elf64_Rela>(of.rela, of.rela_size),
                  most_referred<Elf64_Rel>(of.rel, of.rel_size),
                  of.plt_type == DT_REL ? most_referred<Elf64_Rel>(of.plt, of.plt_size)
                                        : most_referred<Elf64_Rela>(of.plt, of.plt_size)});
    return gnu_hash.size == 0 && referred == 0 ? 0 : std::max(gnu_hash.symbols, referred + 1);
  }

  // Lists of versions: entries, each with a list of its own; the lists may be entangled, so all steps together are counted.
  template <typename Entry, typename Item>
  std::uint64_t size_of_list(std::uint64_t address, std::uint64_t count,
                             std::uint32_t (*items_of)(const Entry&, std::uint32_t& first),
                             std::uint32_t Entry::*next, std::uint32_t Item::*next_item) const {
    const auto extent = address == 0 ? std::nullopt : extent_at(address);
    if (!extent) return 0;
    std::uint64_t end = 0, at = 0, steps = extent->size / sizeof(Item) + 1;
    for (; count != 0 && steps != 0; --count, --steps) {
      const auto entry = in<Entry>(*extent, at);
      if (!entry) return 0;
      end = std::max(end, at + sizeof(Entry));
      std::uint32_t first = 0;
      std::uint64_t item_at = at;
      std::uint32_t step = 0;
      std::uint32_t items = items_of(*entry, first);
      for (step = first; items != 0 && steps != 0; --items, --steps) {
        item_at += step;
        const auto item = in<Item>(*extent, item_at);
        if (!item) return 0;
        end = std::max(end, item_at + sizeof(Item));
        step = (*item).*next_item;
        if (step == 0) break;
      }
      if ((*entry).*next == 0) return end;
      at += (*entry).*next;
    }
    return count == 0 ? end : 0;
  }
  template <typename T>
  std::optional<T> in(const Extent& extent, std::uint64_t into) const {
    if (into > extent.size || sizeof(T) > extent.size - into) return std::nullopt;
    return file_.read<T>(extent.at + into);
  }
  std::uint64_t size_of_needed(const Dynamic& of) const {
    return size_of_list<Elf64_Verneed, Elf64_Vernaux>(
        of.needed, of.needed_count,
        [](const Elf64_Verneed& entry, std::uint32_t& first) -> std::uint32_t {
          first = entry.vn_aux;
          return entry.vn_cnt;
        },
        &Elf64_Verneed::vn_next, &Elf64_Vernaux::vna_next);
  }
  std::uint64_t size_of_defined(const Dynamic& of) const {
    return size_of_list<Elf64_Verdef, Elf64_Verdaux>(
        of.defined, of.defined_count,
        [](const Elf64_Verdef& entry, std::uint32_t& first) -> std::uint32_t {
          first = entry.vd_aux;
          return entry.vd_cnt;
        },
        &Elf64_Verdef::vd_next, &Elf64_Verdaux::vda_next);
  }

  const FileView& file_;
  ImpliedSection* sections_;
  std::uint32_t count_ = 0;
  std::uint32_t dynamic_index_ = 0;
};

}  // namespace

std::size_t list_implied_sections(const FileView& file, ImpliedSection* sections) {
  return Lister(file, sections).run();
}

}  // namespace allocs::elf
