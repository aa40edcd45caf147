// SPDX-License-Identifier: Apache-2.0
#include "elf/write/put_section.h"

#include <algorithm>
#include <cstring>

// A section that is not loaded is known to nothing but the section header table. So nothing that is in the file has to
// move: the content, a name table with one name more, and a section header table with one entry more are written behind
// everything else, and the file header points to the new table.
//
//   | header | segments and sections ...  | names | table |                        before
//   | header | segments and sections ...  | content | names' | table' |            after, the old tail given up
//
// Indices of sections do not change (the new one comes last), so symbols and relocations stay true. Offsets into the name
// table do not change either (the new name comes last): compilers that keep symbol names in the same table do no harm.
//
// Normally the result is a new file, renamed over the old one: a process that runs the old one keeps it, and another
// process that writes the same object at that moment (make -j may compile one file twice) cannot be mixed up with it. Where
// the folder cannot be written, or the file has more names than one, the tail is appended to the file itself and the header
// written last: until then the file is the old one with some bytes too many.
namespace allocs::elf::write {

namespace {

constexpr std::uint64_t kTableAlignment = 8;

std::uint64_t align_up(std::uint64_t offset, std::uint64_t alignment) {
  return (offset + alignment - 1) & ~(alignment - 1);
}

// Where something of `size` bytes at `offset` ends; what lies about that ends far beyond any file.
std::uint64_t end_of(std::uint64_t offset, std::uint64_t size) {
  return offset + size < offset ? ~std::uint64_t{0} : offset + size;
}

// Nothing is allocated for a count that the file cannot hold.
template <typename T>
bool read_array(const InputFile& file, std::uint64_t offset, std::uint64_t count,
                std::vector<T>& into) {
  if (offset > file.size || count > (file.size - offset) / sizeof(T)) return false;
  into.resize(count);
  return file.read(offset, std::as_writable_bytes(std::span{into}));
}

// What of an ELF file has to be known to change its section table.
struct SectionTable {
  Elf64_Ehdr header{};
  std::vector<Elf64_Shdr> sections;
  std::vector<Elf64_Phdr> segments;
  std::size_t names_index = 0;
  std::string names;
};

std::string read_sections(const InputFile& file, SectionTable& table) {
  const Elf64_Ehdr& header = table.header;
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      !read_array(file, header.e_shoff, 1, table.sections))
    return "has no section header table";
  // Counts too large for the file header are in section 0.
  const Elf64_Shdr first = table.sections[0];
  const std::uint64_t count = header.e_shnum != 0 ? header.e_shnum : first.sh_size;
  table.names_index = header.e_shstrndx == SHN_XINDEX ? first.sh_link : header.e_shstrndx;
  if (count == 0 || !read_array(file, header.e_shoff, count, table.sections))
    return "has a section header table that goes beyond its end";

  if (table.names_index == SHN_UNDEF || table.names_index >= count)
    return "has no section name table";
  const Elf64_Shdr& names = table.sections[table.names_index];
  std::vector<char> text;
  if (names.sh_type != SHT_STRTAB || (names.sh_flags & (SHF_ALLOC | SHF_COMPRESSED)) != 0 ||
      !read_array(file, names.sh_offset, names.sh_size, text))
    return "has a section name table of an unknown kind";
  table.names.assign(text.begin(), text.end());
  return {};
}

// Empty if the file can be changed.
std::string read_table(const InputFile& file, SectionTable& table) {
  Elf64_Ehdr& header = table.header;
  std::vector<Elf64_Ehdr> headers;
  if (!read_array(file, 0, 1, headers) || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0)
    return "is not an ELF file";
  header = headers[0];
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return "is not a 64-bit little-endian ELF file";
  if (header.e_type != ET_REL && header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return "is neither an object file nor a program nor a shared library";
  if (std::string problem = read_sections(file, table); !problem.empty()) return problem;

  const std::uint64_t count =
      header.e_phnum == PN_XNUM ? table.sections[0].sh_info : header.e_phnum;
  if (count != 0 && (header.e_phentsize != sizeof(Elf64_Phdr) ||
                     !read_array(file, header.e_phoff, count, table.segments)))
    return "has a program header table that goes beyond its end";
  return {};
}

std::string_view name_of(const SectionTable& table, const Elf64_Shdr& section) {
  if (section.sh_name >= table.names.size()) return {};
  const std::string_view rest = std::string_view(table.names).substr(section.sh_name);
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

// 0 if there is none.
std::size_t find_section(const SectionTable& table, std::string_view name) {
  for (std::size_t i = 1; i < table.sections.size(); ++i) {
    if (name_of(table, table.sections[i]) == name) return i;
  }
  return 0;
}

struct Extent {
  std::uint64_t kept;   // the end of what has to stay
  std::uint64_t known;  // the end of what any header speaks of
};

Extent extent_of(const SectionTable& table, std::size_t replaced) {
  const Elf64_Ehdr& header = table.header;
  Extent extent{sizeof(Elf64_Ehdr), 0};
  const auto keep = [&](std::uint64_t end) { extent.kept = std::max(extent.kept, end); };
  const auto know = [&](std::uint64_t end) { extent.known = std::max(extent.known, end); };
  if (!table.segments.empty())
    keep(end_of(header.e_phoff, table.segments.size() * sizeof(Elf64_Phdr)));
  for (const Elf64_Phdr& segment : table.segments) keep(end_of(segment.p_offset, segment.p_filesz));
  for (std::size_t i = 1; i < table.sections.size(); ++i) {
    const Elf64_Shdr& section = table.sections[i];
    if (section.sh_type == SHT_NOBITS) continue;
    const std::uint64_t end = end_of(section.sh_offset, section.sh_size);
    if (i == replaced || i == table.names_index) {
      know(end);
    } else {
      keep(end);
    }
  }
  know(end_of(header.e_shoff, table.sections.size() * sizeof(Elf64_Shdr)));
  know(extent.kept);
  return extent;
}

}  // namespace

std::optional<Edit> plan_section(const InputFile& file, const NewSection& section, bool reuse_tail,
                                 std::string& problem) {
  SectionTable table;
  problem = read_table(file, table);
  if (!problem.empty()) return std::nullopt;
  std::size_t index = find_section(table, section.name);
  if (index != 0 && (table.sections[index].sh_flags & SHF_ALLOC) != 0) {
    problem = "has a section of that name that is loaded";
    return std::nullopt;
  }
  const Extent extent = extent_of(table, index);
  if (extent.kept > file.size || extent.known > file.size) {
    problem = "is cut short";
    return std::nullopt;
  }
  if (file.size - extent.known >= kTableAlignment) {
    // A self-extracting archive, say, whose code looks for its data from the end of the file.
    problem = "has " + std::to_string(file.size - extent.known) +
              " bytes behind its last section, which might be looked for at the end";
    return std::nullopt;
  }

  Edit edit;
  edit.kept = reuse_tail ? extent.kept : file.size;
  const auto append = [&](const void* bytes, std::size_t size, std::uint64_t alignment) {
    const std::uint64_t offset = align_up(edit.kept + edit.tail.size(), alignment);
    edit.tail.resize(offset - edit.kept);
    const auto* first = static_cast<const std::byte*>(bytes);
    edit.tail.insert(edit.tail.end(), first, first + size);
    return offset;
  };

  std::string& names = table.names;
  Elf64_Shdr entry{};
  if (index == 0) {
    if (names.empty() || names.back() != '\0') names.push_back('\0');
    entry.sh_name = static_cast<Elf64_Word>(names.size());
    names.append(section.name).push_back('\0');
    index = table.sections.size();
    table.sections.emplace_back();
  } else {
    entry.sh_name = table.sections[index].sh_name;
  }
  entry.sh_type = section.type;
  entry.sh_flags = section.flags;
  entry.sh_addralign = section.alignment;
  entry.sh_size = section.content.size();
  entry.sh_offset = append(section.content.data(), section.content.size(), section.alignment);
  table.sections[index] = entry;
  table.sections[table.names_index].sh_size = names.size();
  table.sections[table.names_index].sh_offset = append(names.data(), names.size(), 1);
  // Names and offsets are final; only the table itself has no place yet.

  edit.header = table.header;
  const std::size_t count = table.sections.size();
  const bool fits = count < SHN_LORESERVE;
  edit.header.e_shnum = fits ? static_cast<Elf64_Half>(count) : 0;
  table.sections[0].sh_size = fits ? 0 : count;
  edit.header.e_shoff = append(table.sections.data(), count * sizeof(Elf64_Shdr), kTableAlignment);
  return edit;
}

}  // namespace allocs::elf::write
