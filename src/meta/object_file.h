// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>
#include <libelf.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "meta/decompress.h"
#include "meta/diagnostics.h"

namespace allocs::meta {

struct Section {
  std::string_view name;
  std::uint32_t index = 0;
  std::uint32_t type = 0;   // SHT_*
  std::uint64_t flags = 0;  // SHF_*
  std::uint64_t address = 0;
  std::uint64_t size = 0;    // in memory
  std::uint64_t offset = 0;  // in the file
  std::uint32_t link = 0;
  std::uint64_t entry_size = 0;
  std::span<const std::byte> bytes;  // empty for SHT_NOBITS and where the file is too short
};

struct Segment {
  std::uint32_t type = 0;   // PT_*
  std::uint32_t flags = 0;  // PF_*
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
};

// One ELF file: 64-bit, little-endian. Compressed debug sections are given decompressed. All spans and views live as
// long as the object does. Not safe to share between threads.
class ElfFile {
 public:
  // nullptr, with an error, if the file cannot be read or is not such a file.
  enum class Sort : std::uint8_t {
    linked,
    any
  };  // any: relocatable files too, as split debug files are
  static std::unique_ptr<ElfFile> open(const std::filesystem::path& path, Diagnostics& diag,
                                       Sort sort = Sort::linked);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  const std::string& path() const { return path_; }
  Elf* elf() const { return elf_; }
  const Elf64_Ehdr& header() const { return header_; }
  std::span<const Section> sections() const { return sections_; }
  std::span<const Segment> segments() const { return segments_; }
  std::span<const std::uint8_t> build_id() const { return build_id_; }
  std::uint64_t file_size() const { return file_size_; }
  std::uint64_t file_mtime_ns() const { return file_mtime_ns_; }

  // nullptr if there is none with that name.
  const Section* section(std::string_view name) const;
  // The section with SHF_ALLOC that contains `address`, or nullptr. TLS .tbss does not count.
  const Section* section_at(std::uint64_t address) const;
  // The bytes that the file has for [address, address + size) of a section; empty if it has not all of them.
  std::span<const std::byte> bytes_at(std::uint64_t address, std::uint64_t size) const;
  bool is_code(std::uint64_t address) const;

 private:
  ElfFile() = default;
  bool read(Diagnostics& diag, Sort sort);
  void read_sections(Diagnostics& diag);
  void decompress_sections(Diagnostics& diag);
  void read_segments();
  void read_build_id();

  std::string path_;
  int fd_ = -1;
  Elf* elf_ = nullptr;
  Elf64_Ehdr header_{};
  std::uint64_t file_size_ = 0;
  std::uint64_t file_mtime_ns_ = 0;
  std::vector<Section> sections_;
  std::vector<Decompressed> decompressed_;  // what the sections' bytes lie in
  std::vector<const Section*> loaded_;      // with SHF_ALLOC, by address
  std::vector<Segment> segments_;
  std::vector<std::uint8_t> build_id_;
};

struct Symbol {
  std::string_view name;  // without a version
  std::uint64_t value = 0;
  std::uint64_t size = 0;
  std::uint8_t type = 0;      // STT_*
  std::uint8_t bind = 0;      // STB_*
  std::uint16_t section = 0;  // SHN_* or an index
  bool dynamic = false;       // from .dynsym
};

// An object and the files that tell about it. `debug` is the separate debug file if there is one (its code and data
// sections have no bytes), `alternate` what dwz moved out of it.
struct ObjectFiles {
  std::unique_ptr<ElfFile> object;
  std::unique_ptr<ElfFile> debug;
  std::unique_ptr<ElfFile> alternate;
  // Defined symbols with a name, of .symtab if any file has one and of .dynsym, as the files order them; and the
  // undefined ones.
  std::vector<Symbol> symbols;
  bool has_symtab = false;

  const ElfFile& with_debug_information() const { return debug ? *debug : *object; }
};

class Debuginfod;

// Opens `path` and looks for its debug file: by build-id below /usr/lib/debug/.build-id, then by .gnu_debuglink,
// whose checksum must fit, last from `debuginfod`'s servers, which may take its time. A file with another build-id is refused. `files.object` is null, and an error said, if the
// object is no good.
ObjectFiles open_object_files(const std::filesystem::path& path, Diagnostics& diag,
                              Debuginfod* debuginfod = nullptr);

}  // namespace allocs::meta
