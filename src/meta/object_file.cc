// SPDX-License-Identifier: Apache-2.0
#include "meta/object_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "meta/beside.h"
#include "meta/file_extent.h"

namespace allocs::meta {

std::unique_ptr<ElfFile> ElfFile::open(const std::filesystem::path& path, Diagnostics& diag,
                                       Sort sort) {
  std::unique_ptr<ElfFile> file{new ElfFile};
  file->path_ = path.string();
  return file->read(diag, sort) ? std::move(file) : nullptr;
}

ElfFile::~ElfFile() {
  if (elf_ != nullptr) elf_end(elf_);
  if (fd_ >= 0) ::close(fd_);
}

const Section* ElfFile::section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const Section& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

const Section* ElfFile::section_at(std::uint64_t address) const {
  auto after = std::upper_bound(loaded_.begin(), loaded_.end(), address,
                                [](std::uint64_t at, const Section* s) { return at < s->address; });
  if (after == loaded_.begin()) return nullptr;
  const Section* section = *--after;
  return address - section->address < section->size ? section : nullptr;
}

std::span<const std::byte> ElfFile::bytes_at(std::uint64_t address, std::uint64_t size) const {
  const Section* section = section_at(address);
  if (section == nullptr) return {};
  const std::uint64_t offset = address - section->address;
  if (offset > section->bytes.size() || size > section->bytes.size() - offset) return {};
  return section->bytes.subspan(offset, size);
}

bool ElfFile::is_code(std::uint64_t address) const {
  const Section* section = section_at(address);
  return section != nullptr && (section->flags & SHF_EXECINSTR) != 0;
}

bool ElfFile::read(Diagnostics& diag, Sort sort) {
  elf_version(EV_CURRENT);
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
    diag.error(path_, fmt::format("cannot be opened: {}; give the path of a program or library",
                                  std::strerror(errno)));
    return false;
  }
  if (!S_ISREG(status.st_mode)) {
    diag.error(path_, "not a regular file; give the path of a program or library");
    return false;
  }
  file_size_ = static_cast<std::uint64_t>(status.st_size);
  file_mtime_ns_ = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u +
                   static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  elf_ = elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
  const Elf64_Ehdr* header =
      elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF ? nullptr : elf64_getehdr(elf_);
  if (header == nullptr || header->e_ident[EI_DATA] != ELFDATA2LSB) {
    diag.error(path_,
               "not a 64-bit little-endian ELF file; give a program or library of this machine");
    return false;
  }
  header_ = *header;
  if (sort == Sort::linked && header_.e_type != ET_EXEC && header_.e_type != ET_DYN) {
    diag.error(path_, "not a linked program or library; link it first");
    return false;
  }
  std::size_t size = 0;
  const char* raw = elf_rawfile(elf_, &size);
  if (raw == nullptr) {  // it could not be mapped, and is too large to be read
    diag.error(path_, fmt::format("cannot be read: {}; see ulimit -v", elf_errmsg(-1)));
    return false;
  }
  check_extent(path_, std::as_bytes(std::span{raw, size}), diag);
  read_sections(diag);
  read_segments();
  read_build_id();
  return true;
}

void ElfFile::read_sections(Diagnostics& diag) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) names = 0;
  for (Elf_Scn* scn = elf_nextscn(elf_, nullptr); scn != nullptr; scn = elf_nextscn(elf_, scn)) {
    const void* raw_header = elf64_getshdr(scn);
    if (raw_header == nullptr) continue;
    Elf64_Shdr header;
    std::memcpy(&header, raw_header, sizeof header);
    Section section;
    const char* name = elf_strptr(elf_, names, header.sh_name);
    section.name = name == nullptr ? "" : name;
    section.index = static_cast<std::uint32_t>(elf_ndxscn(scn));
    section.type = header.sh_type;
    section.flags = header.sh_flags;
    section.address = header.sh_addr;
    section.size = header.sh_size;
    section.offset = header.sh_offset;
    section.link = header.sh_link;
    section.entry_size = header.sh_entsize;
    // A compressed section whose file is cut short has no data at all.
    const Elf_Data* data =
        header.sh_type == SHT_NOBITS || header.sh_size == 0 ? nullptr : elf_rawdata(scn, nullptr);
    if (data != nullptr && data->d_buf != nullptr)
      section.bytes = {static_cast<const std::byte*>(data->d_buf), data->d_size};
    sections_.push_back(section);
  }
  decompress_sections(diag);
  for (const Section& section : sections_) {
    const bool is_tbss = section.type == SHT_NOBITS && (section.flags & SHF_TLS) != 0;
    if ((section.flags & SHF_ALLOC) != 0 && section.size != 0 && !is_tbss)
      loaded_.push_back(&section);
  }
  std::stable_sort(loaded_.begin(), loaded_.end(),
                   [](const Section* a, const Section* b) { return a->address < b->address; });
}

// Replaces the bytes of compressed sections by their content; by nothing, with a warning, where it cannot be had.
void ElfFile::decompress_sections(Diagnostics& diag) {
  struct Errand {
    Section* section;
    std::optional<Decompressed> content;
    std::string problem;
  };
  std::vector<Errand> errands;
  for (Section& section : sections_) {
    const bool is_compressed =
        (section.flags & SHF_COMPRESSED) != 0 || section.name.starts_with(".zdebug");
    if (is_compressed && section.bytes.data() != nullptr) errands.push_back({&section, {}, {}});
  }
  // The large ones first, so that both threads have work until the end.
  std::stable_sort(errands.begin(), errands.end(), [](const Errand& a, const Errand& b) {
    return a.section->bytes.size() > b.section->bytes.size();
  });
  for_each_by_two(errands.size(), [&](std::size_t i) {
    Errand& errand = errands[i];
    const bool is_gnu = (errand.section->flags & SHF_COMPRESSED) == 0;
    errand.content = is_gnu ? decompress_gnu_section(errand.section->bytes, errand.problem)
                            : decompress_section(errand.section->bytes, errand.problem);
  });
  for (Errand& errand : errands) {
    Section& section = *errand.section;
    section.bytes = {};
    if (errand.content) {
      section.bytes = errand.content->view();
      decompressed_.push_back(std::move(*errand.content));
    } else {
      diag.warning(path_,
                   fmt::format("section {} cannot be decompressed: {}; left out", section.name,
                               errand.problem),
                   section.offset);
    }
  }
}

void ElfFile::read_segments() {
  std::size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) return;
  const void* headers = elf64_getphdr(elf_);  // in a damaged file perhaps at an odd address
  for (std::size_t i = 0; headers != nullptr && i < count; ++i) {
    Elf64_Phdr h;
    std::memcpy(&h, static_cast<const char*>(headers) + i * sizeof h, sizeof h);
    segments_.push_back({h.p_type, h.p_flags, h.p_offset, h.p_vaddr, h.p_filesz, h.p_memsz});
  }
}

void ElfFile::read_build_id() {
  const auto search = [this](const std::byte* bytes, std::size_t size) {
    for (std::size_t at = 0; size - at >= sizeof(Elf64_Nhdr) && size >= at;) {
      Elf64_Nhdr note;
      std::memcpy(&note, bytes + at, sizeof note);
      const std::uint64_t name = at + sizeof note;
      const std::uint64_t content = name + ((std::uint64_t{note.n_namesz} + 3) & ~std::uint64_t{3});
      const std::uint64_t end = content + ((std::uint64_t{note.n_descsz} + 3) & ~std::uint64_t{3});
      if (content + note.n_descsz > size) return;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
          std::memcmp(bytes + name, "GNU", 4) == 0) {
        const auto* id = reinterpret_cast<const std::uint8_t*>(bytes + content);
        build_id_.assign(id, id + std::min<std::size_t>(note.n_descsz, 32));
        return;
      }
      if (end > size) return;
      at = end;
    }
  };
  for (const Section& section : sections_) {
    if (build_id_.empty() && section.type == SHT_NOTE)
      search(section.bytes.data(), section.bytes.size());
  }
  std::size_t size = 0;
  const char* raw = elf_rawfile(elf_, &size);
  for (const Segment& segment : segments_) {
    if (!build_id_.empty() || segment.type != PT_NOTE || raw == nullptr) continue;
    if (segment.offset > size || segment.file_size > size - segment.offset) continue;
    search(reinterpret_cast<const std::byte*>(raw) + segment.offset, segment.file_size);
  }
}

}  // namespace allocs::meta
