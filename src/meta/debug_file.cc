// SPDX-License-Identifier: Apache-2.0
//
// Finding the files that tell about an object: its separate debug file and what dwz moved out of that.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/byte_reader.h"
#include "meta/debuginfod.h"
#include "meta/object_file.h"

namespace allocs::meta {

namespace {

namespace fs = std::filesystem;
constexpr const char* kDebugRoot = "/usr/lib/debug";

bool has_debug_information(const ElfFile& file) {
  const Section* section = file.section(".debug_info");
  if (section == nullptr) section = file.section(".zdebug_info");
  return section != nullptr && !section->bytes.empty();
}

std::optional<fs::path> path_by_build_id(std::span<const std::uint8_t> id) {
  if (id.size() < 2) return std::nullopt;
  std::string name = fmt::format("{}/.build-id/{:02x}/", kDebugRoot, id[0]);
  for (const std::uint8_t byte : id.subspan(1)) name += fmt::format("{:02x}", byte);
  return name + ".debug";
}

// A text and the bytes that follow it, as .gnu_debuglink (aligned checksum) and .gnu_debugaltlink (build-id) have them.
struct Link {
  std::string name;
  std::span<const std::byte> rest;
};
std::optional<Link> read_link(const Section* section, std::size_t alignment) {
  if (section == nullptr || section->bytes.empty()) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(section->bytes.data());
  const std::size_t length = strnlen(text, section->bytes.size());
  if (length == section->bytes.size() || length == 0) return std::nullopt;
  const std::size_t rest = (length + alignment) / alignment * alignment;
  if (rest > section->bytes.size()) return std::nullopt;
  return Link{{text, length}, section->bytes.subspan(rest)};
}

// .debug_sup of DWARF 5, by which an object and what dwz moved out of it know each other: the object's names the file, and both hold the same
// checksum, which is a file's identity (nothing can be computed from it).
std::optional<Link> read_supplement(const Section* section, bool of_the_supplement) {
  if (section == nullptr) return std::nullopt;
  ByteReader reader{section->bytes.data(), section->bytes.size()};
  const auto version = reader.read<std::uint16_t>();
  const bool is_supplement = reader.read<std::uint8_t>() != 0;
  const char* name = reader.read_text();
  const std::uint64_t size = reader.read_uleb();
  if (!reader.ok() || version < 2 || version > 5 || is_supplement != of_the_supplement ||
      size == 0 || size > reader.remaining())
    return std::nullopt;
  return Link{name, {reader.position(), size}};
}

// The CRC-32 of IEEE 802.3, which .gnu_debuglink uses.
std::uint32_t crc32(std::span<const unsigned char> bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = (value & 1) != 0 ? 0xEDB88320u ^ value >> 1 : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const unsigned char byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8;
  return ~crc;
}

bool same_bytes(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::unique_ptr<ElfFile> open_if_present(const fs::path& path, Diagnostics& diag,
                                         ElfFile::Sort sort = ElfFile::Sort::linked) {
  return ::access(path.c_str(), F_OK) == 0 ? ElfFile::open(path, diag, sort) : nullptr;
}

// Opening a candidate may fail for reasons that matter to nobody unless nothing else is found: these are no errors.
std::unique_ptr<ElfFile> open_candidate(const fs::path& path, const ElfFile& object,
                                        Diagnostics& diag) {
  Diagnostics aside;
  auto file = open_if_present(path, aside);
  diag.warn_of_all(aside);
  if (file == nullptr || same_bytes(file->build_id(), object.build_id())) return file;
  const bool lost_its_id = file->build_id().empty() && !aside.messages().empty();
  if (lost_its_id) return nullptr;
  diag.warning(path.string(), "is the debug file of another build; not used");
  return nullptr;
}

std::unique_ptr<ElfFile> find_debug_file(const ElfFile& object, Diagnostics& diag) {
  if (const auto path = path_by_build_id(object.build_id())) {
    if (auto file = open_candidate(*path, object, diag)) return file;
  }
  const auto link = read_link(object.section(".gnu_debuglink"), 4);
  if (!link || link->rest.size() < 4 || link->name.find('/') != std::string::npos) return nullptr;
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, link->rest.data(), sizeof checksum);
  std::error_code error;
  fs::path real = fs::canonical(object.path(), error);
  if (error) real = object.path();
  const fs::path folder = real.parent_path();
  for (const fs::path& path : {folder / link->name, folder / ".debug" / link->name,
                               kDebugRoot / folder.relative_path() / link->name}) {
    if (fs::equivalent(path, object.path(), error)) continue;
    auto file = open_candidate(path, object, diag);
    if (file == nullptr) continue;
    std::size_t size = 0;
    const char* raw = elf_rawfile(file->elf(), &size);
    if (raw != nullptr && crc32({reinterpret_cast<const unsigned char*>(raw), size}) == checksum)
      return file;
    diag.warning(path.string(), "does not have the checksum that the object asks for; not used");
  }
  return nullptr;
}

// As find_debug_file, from a server.
std::unique_ptr<ElfFile> fetch_debug_file(const ElfFile& object, Debuginfod& debuginfod,
                                          Diagnostics& diag) {
  const auto path = debuginfod.find(object.build_id(), object.path());
  return path ? open_candidate(*path, object, diag) : nullptr;
}

std::unique_ptr<ElfFile> find_alternate(const ElfFile& debug, Debuginfod* debuginfod,
                                        Diagnostics& diag) {
  auto link = read_link(debug.section(".gnu_debugaltlink"), 1);
  if (!link) link = read_supplement(debug.section(".debug_sup"), false);
  if (!link) return nullptr;
  const std::span id{reinterpret_cast<const std::uint8_t*>(link->rest.data()), link->rest.size()};
  const auto has_that_id = [&](const ElfFile& file) {
    if (same_bytes(file.build_id(), id)) return true;
    const auto own = read_supplement(file.section(".debug_sup"), true);
    return own &&
           std::equal(own->rest.begin(), own->rest.end(), link->rest.begin(), link->rest.end());
  };
  std::vector<fs::path> candidates{fs::path{debug.path()}.parent_path() / link->name};
  if (const auto path = path_by_build_id(id)) candidates.insert(candidates.begin(), *path);
  const auto open = [&](const fs::path& path) -> std::unique_ptr<ElfFile> {
    Diagnostics aside;
    auto file = open_if_present(path, aside, ElfFile::Sort::any);  // dwz makes a relocatable one
    diag.warn_of_all(aside);
    return file != nullptr && has_that_id(*file) ? std::move(file) : nullptr;
  };
  for (const fs::path& path : candidates) {
    if (auto file = open(path)) return file;
  }
  if (debuginfod != nullptr) {
    if (const auto path = debuginfod->find(id, link->name)) {
      if (auto file = open(*path)) return file;
    }
  }
  diag.warning(
      debug.path(),
      fmt::format("needs {}, which is not installed; install its debug package", link->name));
  return nullptr;
}

void read_symbols(const ElfFile& file, std::uint32_t section_type, std::vector<Symbol>& into) {
  for (const Section& table : file.sections()) {
    if (table.type != section_type || table.link >= file.sections().size() + 1) continue;
    const auto names = std::find_if(file.sections().begin(), file.sections().end(),
                                    [&](const Section& s) { return s.index == table.link; });
    if (names == file.sections().end()) continue;
    const auto* text = reinterpret_cast<const char*>(names->bytes.data());
    for (std::size_t at = sizeof(Elf64_Sym); at + sizeof(Elf64_Sym) <= table.bytes.size();
         at += sizeof(Elf64_Sym)) {
      Elf64_Sym raw;
      std::memcpy(&raw, table.bytes.data() + at, sizeof raw);
      if (raw.st_name == 0 || raw.st_name >= names->bytes.size()) continue;
      const std::size_t length = strnlen(text + raw.st_name, names->bytes.size() - raw.st_name);
      std::string_view name{text + raw.st_name, length};
      if (const auto version = name.find('@'); version != name.npos && version > 0)
        name = name.substr(0, version);
      const auto type = static_cast<std::uint8_t>(ELF64_ST_TYPE(raw.st_info));
      if (name.empty() || type == STT_SECTION || type == STT_FILE) continue;
      into.push_back({name, raw.st_value, raw.st_size, type,
                      static_cast<std::uint8_t>(ELF64_ST_BIND(raw.st_info)), raw.st_shndx,
                      section_type == SHT_DYNSYM});
    }
  }
}

}  // namespace

ObjectFiles open_object_files(const fs::path& path, Diagnostics& diag, Debuginfod* debuginfod) {
  ObjectFiles files;
  files.object = ElfFile::open(path, diag);
  if (files.object == nullptr) return files;
  if (!has_debug_information(*files.object)) {
    files.debug = find_debug_file(*files.object, diag);
    if (files.debug == nullptr && debuginfod != nullptr)
      files.debug = fetch_debug_file(*files.object, *debuginfod, diag);
  }
  if (has_debug_information(files.with_debug_information())) {
    files.alternate = find_alternate(files.with_debug_information(), debuginfod, diag);
  }
  if (files.debug) read_symbols(*files.debug, SHT_SYMTAB, files.symbols);
  if (files.symbols.empty()) read_symbols(*files.object, SHT_SYMTAB, files.symbols);
  files.has_symtab = !files.symbols.empty();
  read_symbols(*files.object, SHT_DYNSYM, files.symbols);
  return files;
}

}  // namespace allocs::meta
