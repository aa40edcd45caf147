// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/core_memory.h"

#include <signal.h>
#include <string.h>
#include <sys/procfs.h>

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"
#include "elf/notes.h"
#include "runt/module.h"

// A core file is an ELF file of type ET_CORE: a PT_LOAD for every mapping, of which the first p_filesz bytes are in the
// file, and one PT_NOTE with what is not memory. The notes of interest, all named "CORE" (Linux fs/binfmt_elf.c):
//
//     NT_PRSTATUS   one a thread, the one that got the signal first: id, signal, general registers
//     NT_PRPSINFO   process id, the beginning of its command line
//     NT_SIGINFO    the siginfo_t of the signal
//     NT_AUXV       the auxiliary vector
//     NT_FILE       count, page size, count x (begin, end, offset in pages), count names
//
// A look-up tries, in order: the bytes that the core holds; the file that was mapped there; both, stitched.
namespace allocs::runt::remote {
namespace {

Failure not_a_core(const std::string& path, const char* why) {
  return {Failure::Kind::not_a_core, path + ": " + why};
}

}  // namespace

Result<CoreMemory> CoreMemory::open(const std::string& path, CoreOptions options) {
  auto mapping = FileMapping::open(path);
  if (!mapping) return mapping.failure();
  CoreMemory core;
  core.options_ = std::move(options);
  core.core_ = std::move(*mapping);
  if (auto failure = core.read_segments(path)) return std::move(*failure);
  return core;
}

std::optional<Failure> CoreMemory::read_segments(const std::string& path) {
  const elf::File file = core_.elf_file();
  const auto header = file.header();
  if (!header) return not_a_core(path, "not a 64-bit x86-64 ELF file");
  if (header->e_type != ET_CORE) return not_a_core(path, "an ELF file, but not a core");
  std::uint64_t count = header->e_phnum;
  if (count == PN_XNUM) {  // too many for the field: section 0 has the number
    const auto section = file.read<elf::SectionHeader>(FileOffset{header->e_shoff});
    if (!section) return not_a_core(path, "cut short before its section header");
    count = section->sh_info;
  }
  std::vector<elf::ProgramHeader> notes;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto segment =
        file.read<elf::ProgramHeader>(FileOffset{header->e_phoff + i * sizeof(elf::ProgramHeader)});
    if (!segment) {
      is_truncated_ = true;
      break;
    }
    if (segment->p_type == PT_NOTE) notes.push_back(*segment);
    if (segment->p_type != PT_LOAD || segment->p_memsz == 0) continue;
    if (segment->p_vaddr + segment->p_memsz < segment->p_vaddr) continue;
    std::uint64_t dumped = std::min(segment->p_filesz, segment->p_memsz);
    const std::uint64_t there =
        segment->p_offset < file.size() ? file.size() - segment->p_offset : 0;
    if (dumped > there) {
      dumped = there;
      is_truncated_ = true;
    }
    const Address begin{segment->p_vaddr};
    segments_.push_back({{begin, begin + segment->p_memsz}, dumped, segment->p_offset});
  }
  if (segments_.empty()) return not_a_core(path, "holds no memory");
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.range.begin < b.range.begin; });
  for (const elf::ProgramHeader& note : notes)
    read_notes(note.p_offset, note.p_filesz, note.p_align);
  return std::nullopt;
}

void CoreMemory::read_notes(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment) {
  if (offset > core_.size()) return;
  if (size > core_.size() - offset) {
    size = core_.size() - offset;
    is_truncated_ = true;
  }
  const SpanMemory bytes{Address{0}, core_.data() + offset, static_cast<std::size_t>(size)};
  elf::find_note(bytes, {Address{0}, Address{size}}, alignment, [&](const elf::Note& note) {
    const SpanMemory content{Address{0}, note.content, note.size};
    if (note.name != "CORE") return false;
    switch (note.type) {
      case NT_PRSTATUS:
        if (const auto status = load<elf_prstatus>(content, Address{0})) {
          user_regs_struct user;
          static_assert(sizeof user == sizeof status->pr_reg);
          memcpy(&user, &status->pr_reg, sizeof user);
          threads_.push_back(
              {status->pr_pid, registers_of(user), Address{user.fs_base}, status->pr_cursig});
        }
        break;
      case NT_PRPSINFO:
        if (const auto info = load<elf_prpsinfo>(content, Address{0})) {
          pid_ = info->pr_pid;
          command_line_.assign(info->pr_psargs, strnlen(info->pr_psargs, sizeof info->pr_psargs));
          while (!command_line_.empty() && command_line_.back() == ' ') command_line_.pop_back();
        }
        break;
      case NT_SIGINFO:
        if (const auto info = load<siginfo_t>(content, Address{0})) {
          signal_ = info->si_signo;
          const bool has_address = info->si_code > 0 && (signal_ == SIGSEGV || signal_ == SIGBUS ||
                                                         signal_ == SIGILL || signal_ == SIGFPE);
          if (has_address) fault_address_ = address_of(info->si_addr);
        }
        break;
      case NT_AUXV:
        auxiliary_vector_ = read_auxiliary_vector(content, Address{0});
        break;
      case NT_FILE:
        read_file_note(note.content, note.size);
        break;
      default:
        break;
    }
    return false;
  });
  if (signal_ == 0 && !threads_.empty()) signal_ = threads_.front().signal;
}

void CoreMemory::read_file_note(const std::byte* bytes, std::size_t size) {
  ByteReader reader{bytes, size};
  const auto count = reader.read<std::uint64_t>();
  const auto page_size = reader.read<std::uint64_t>();
  if (!reader.ok() || count > reader.remaining() / 24) return;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Address begin{reader.read<std::uint64_t>()};
    const Address end{reader.read<std::uint64_t>()};
    const FileOffset offset{reader.read<std::uint64_t>() * page_size};
    file_mappings_.push_back({{begin, end}, offset, 0});
  }
  for (CoreFileMapping& mapping : file_mappings_) {
    const char* name = reader.read_text();
    const std::string path = name != nullptr ? name : "";
    const auto known = std::find_if(files_.rbegin(), files_.rend(),
                                    [&](const CoreFile& f) { return f.path == path; });
    mapping.file = static_cast<std::size_t>(files_.rend() - known) - 1;
    if (known == files_.rend()) {
      mapping.file = files_.size();
      files_.emplace_back().path = path;
      files_.back().opened = options_.sysroot + path;
    }
  }
  std::sort(file_mappings_.begin(), file_mappings_.end(),
            [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
}

std::vector<AddressRange> CoreMemory::mapped_ranges() const {
  std::vector<AddressRange> ranges;
  for (const Segment& segment : segments_) ranges.push_back(segment.range);
  return ranges;
}

const std::byte* CoreMemory::view(Address at, std::size_t size) const {
  if (const std::byte* bytes = view_in_core(at, size)) return bytes;
  if (const std::byte* bytes = view_in_file(at, size)) return bytes;
  return stitched_->view(at, size,
                         [this](Address page, std::byte* into) { return fill_page(page, into); });
}

std::size_t CoreMemory::copy(Address at, std::byte* into, std::size_t size) const {
  constexpr std::size_t kPage = PageCache::kPage;
  for (std::size_t done = 0; done < size;) {
    const std::size_t step = std::min(size - done, kPage - (raw(at) + done) % kPage);
    const std::byte* bytes = view(at + done, step);
    if (bytes == nullptr) return done;
    std::memcpy(into + done, bytes, step);
    done += step;
  }
  return size;
}

const CoreMemory::Segment* CoreMemory::find_segment(Address at) const {
  const auto after =
      std::upper_bound(segments_.begin(), segments_.end(), at,
                       [](Address a, const Segment& segment) { return a < segment.range.begin; });
  if (after == segments_.begin()) return nullptr;
  const Segment& segment = *(after - 1);
  return segment.range.contains(at) ? &segment : nullptr;
}

const std::byte* CoreMemory::view_in_core(Address at, std::size_t size) const {
  const Segment* segment = find_segment(at);
  if (segment == nullptr) return nullptr;
  const std::uint64_t offset = at - segment->range.begin;
  if (offset > segment->dumped || size > segment->dumped - offset) return nullptr;
  return core_.data() + segment->offset + offset;
}

std::span<const std::byte> CoreMemory::file_bytes_at(Address at) const {
  const auto after =
      std::upper_bound(file_mappings_.begin(), file_mappings_.end(), at,
                       [](Address a, const auto& mapping) { return a < mapping.range.begin; });
  if (after == file_mappings_.begin()) return {};
  const CoreFileMapping& mapping = *(after - 1);
  if (!mapping.range.contains(at)) return {};
  // What the core holds of this mapping is newer than the file.
  const Segment* segment = find_segment(at);
  if (segment != nullptr && at - segment->range.begin < segment->dumped) return {};
  if (files_[mapping.file].state == CoreFile::State::not_opened) open_file(mapping.file);
  const CoreFile& file = files_[mapping.file];
  if (file.state != CoreFile::State::same && file.state != CoreFile::State::unverified) return {};
  const std::uint64_t offset = raw(mapping.offset) + (at - mapping.range.begin);
  if (offset >= file.mapping.size()) return {};
  const std::uint64_t size = std::min(mapping.range.end - at, file.mapping.size() - offset);
  return {file.mapping.data() + offset, static_cast<std::size_t>(size)};
}

const std::byte* CoreMemory::view_in_file(Address at, std::size_t size) const {
  const auto bytes = file_bytes_at(at);
  return bytes.size() >= size ? bytes.data() : nullptr;
}

void CoreMemory::open_file(std::size_t index) const {
  CoreFile& file = files_[index];
  auto mapping = FileMapping::open(file.opened);
  if (!mapping) {
    file.state = CoreFile::State::missing;
    return;
  }
  file.mapping = std::move(*mapping);
  // A file laid out in memory as it is on disk: link addresses are not needed to find its notes.
  std::optional<elf::BuildId> id;
  const elf::File image = file.mapping.elf_file();
  const auto header = image.header();
  for (std::size_t i = 0; header && i < header->e_phnum && !id; ++i) {
    const auto segment = image.program_header(i);
    if (!segment || segment->p_type != PT_NOTE) continue;
    const SpanMemory bytes{Address{0}, file.mapping.data(), file.mapping.size()};
    id = elf::find_build_id(
        bytes, {Address{segment->p_offset}, Address{segment->p_offset + segment->p_filesz}},
        segment->p_align);
  }
  const auto expected = dumped_build_id(index);
  const bool comparable = id && expected;
  file.state = !comparable        ? CoreFile::State::unverified
               : *id == *expected ? CoreFile::State::same
                                  : CoreFile::State::different;
}

// From the first page of the object, which the kernel dumps for this very purpose.
std::optional<elf::BuildId> CoreMemory::dumped_build_id(std::size_t file) const {
  struct DumpedOnly {
    const CoreMemory& core;
    const std::byte* view(Address at, std::size_t size) const {
      return core.view_in_core(at, size);
    }
  };
  const DumpedOnly memory{*this};
  for (const CoreFileMapping& mapping : file_mappings_) {
    if (mapping.file != file || raw(mapping.offset) != 0) continue;
    const auto headers = elf::program_headers_of_image(memory, mapping.range.begin);
    const auto first = headers ? elf::find_program_header(memory, *headers, PT_LOAD) : std::nullopt;
    if (!first) continue;
    const LoadBias bias{raw(mapping.range.begin) - first->p_vaddr};
    if (const auto id = elf::find_build_id(memory, *headers, bias)) return id;
  }
  return std::nullopt;
}

// A page of the core, or of a file. A file may end within its last page, which reads as zeros behind its end.
bool CoreMemory::fill_page(Address page, std::byte* into) const {
  if (const std::byte* bytes = view_in_core(page, PageCache::kPage)) {
    memcpy(into, bytes, PageCache::kPage);
    return true;
  }
  const auto bytes = file_bytes_at(page);
  if (bytes.empty()) return false;
  const std::size_t size = std::min(bytes.size(), PageCache::kPage);
  memcpy(into, bytes.data(), size);
  memset(into + size, 0, PageCache::kPage - size);
  return true;
}

}  // namespace allocs::runt::remote
