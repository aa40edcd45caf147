// SPDX-License-Identifier: Apache-2.0
#include "meta/split_units.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "meta/split_package.h"

namespace allocs::meta {

namespace {

namespace fs = std::filesystem;

// What a skeleton says, and what the unit that it stands for takes from it.
struct Skeleton {
  std::uint64_t id = 0;
  std::string file;  // as it names it
  Unit unit;
};

class SplitUnitReader {
 public:
  SplitUnitReader(const ObjectFiles& files, std::vector<Unit>& units, Diagnostics& diag)
      : files_(files), main_(files.with_debug_information()), units_(units), diag_(diag) {}

  SplitFiles read() {
    std::vector<Skeleton> skeletons = find_skeletons();
    if (skeletons.empty()) return {};
    open_package();
    std::size_t missing = 0;
    std::string first_missing;
    for (const Skeleton& skeleton : skeletons) {
      if (read_from_package(skeleton) || read_from_file(skeleton)) continue;
      if (missing++ == 0) first_missing = skeleton.file;
    }
    if (missing != 0) {
      diag_.warning(
          files_.with_debug_information().path(),
          fmt::format(
              "the debug information of {} of {} units was split off and is not there; the first "
              "would be in {}. Keep such files where the compiler put them, or gather them "
              "by dwp into {}.dwp",
              missing, skeletons.size(), first_missing, files_.object->path()));
    }
    return std::move(split_);
  }

 private:
  // A unit without entries that names a file.
  std::vector<Skeleton> find_skeletons() {
    std::vector<Skeleton> skeletons;
    const SignatureTable none;
    for (const Unit& unit : units_) {
      if (unit.kind != DW_UT_skeleton && (unit.version != 4 || unit.kind != DW_UT_compile))
        continue;
      Skeleton skeleton{unit.signature, {}, unit};
      DieStream stream{skeleton.unit, none};
      Die root;
      if (!stream.next(root) || !root.has(At::dwo_name)) continue;
      if (const auto id = root.constant(At::dwo_id)) skeleton.id = *id;
      skeleton.file = skeleton.unit.text(root[At::dwo_name]);
      if (!skeleton.file.empty()) skeletons.push_back(std::move(skeleton));
    }
    return skeletons;
  }

  // nullptr, and nothing is said, if there is no such file.
  ElfFile* open(const fs::path& path) {
    if (::access(path.c_str(), F_OK) != 0) return nullptr;
    Diagnostics aside;
    auto file = ElfFile::open(path, aside, ElfFile::Sort::any);
    diag_.warn_of_all(aside);
    if (file == nullptr) return nullptr;
    split_.files.push_back(std::move(file));
    return split_.files.back().get();
  }

  // --- .dwp

  void open_package() {
    const ElfFile* package = nullptr;
    for (const std::string& path :
         {files_.object->path(), files_.with_debug_information().path()}) {
      if (package == nullptr) package = open(path + ".dwp");
    }
    if (package == nullptr) return;
    package_ = DebugSections{*package, ".dwo"};
    const auto index = [&](const char* name) {
      const Section* section = package->section(name);
      return read_package_index(section == nullptr ? std::span<const std::byte>{} : section->bytes);
    };
    for (const PackageEntry& entry : index(".debug_cu_index")) in_package_[entry.signature] = entry;
    for (const PackageEntry& entry : index(".debug_tu_index")) {
      // Their entries are found by signature, whoever refers to them.
      for (Unit& unit : units_of(sections_of(entry))) add_type_unit(unit);
    }
  }

  DebugSections sections_of(const PackageEntry& entry) const {
    const auto part = [&](std::span<const std::byte> section, PackageSection which) {
      const auto& [offset, size] = entry[which];
      if (offset > section.size() || size > section.size() - offset)
        return std::span<const std::byte>{};
      return section.subspan(offset, size);
    };
    DebugSections sections = *package_;
    sections.info = part(package_->info, PackageSection::info);
    sections.types = part(package_->types, PackageSection::types);
    sections.abbrev = part(package_->abbrev, PackageSection::abbrev);
    sections.line = part(package_->line, PackageSection::line);
    sections.loc = part(package_->loc, PackageSection::loc);
    sections.str_offsets = part(package_->str_offsets, PackageSection::str_offsets);
    sections.loclists = part(package_->loclists, PackageSection::loclists);
    sections.rnglists = part(package_->rnglists, PackageSection::rnglists);
    return sections;
  }

  bool read_from_package(const Skeleton& skeleton) {
    const auto found = in_package_.find(skeleton.id);
    if (found == in_package_.end()) return false;
    for (Unit& unit : units_of(sections_of(found->second))) {
      if (is_meant(unit, skeleton)) return add_compile_unit(unit, skeleton), true;
    }
    return false;
  }

  // --- .dwo

  bool read_from_file(const Skeleton& skeleton) {
    const fs::path name = skeleton.file;
    fs::path folder = fs::path(files_.object->path()).parent_path();
    std::vector<fs::path> places{fs::path(skeleton.unit.directory) / name, folder / name,
                                 folder / name.filename()};
    for (const fs::path& path : places) {
      const auto [known, is_new] = opened_.try_emplace(path.string());
      if (is_new) known->second = read_file(path);
      for (Unit& unit : known->second) {
        if (is_meant(unit, skeleton)) return add_compile_unit(unit, skeleton), true;
      }
    }
    return false;
  }

  // The compile units of a .dwo file. Each type unit may have a section of its own.
  std::vector<Unit> read_file(const fs::path& path) {
    std::vector<Unit> compile_units;
    const ElfFile* file = open(path);
    if (file == nullptr) return compile_units;
    for (const Section& section : file->sections()) {
      const bool is_info = section.name == ".debug_info.dwo";
      if (!is_info && section.name != ".debug_types.dwo") continue;
      DebugSections sections{*file, ".dwo"};
      sections.info = is_info ? section.bytes : std::span<const std::byte>{};
      sections.types = is_info ? std::span<const std::byte>{} : section.bytes;
      for (Unit& unit : units_of(sections)) {
        if (is_type_unit(unit)) {
          add_type_unit(unit);
        } else {
          compile_units.push_back(std::move(unit));
        }
      }
    }
    return compile_units;
  }

  // --- units

  static bool is_type_unit(const Unit& unit) {
    return unit.kind == DW_UT_type || unit.kind == DW_UT_split_type;
  }

  // Each lot of sections has keys of its own for its entries.
  std::vector<Unit> units_of(DebugSections sections) {
    std::vector<Unit> units;
    // Addresses and the ranges of DWARF 4 are the linker's business, and so stayed.
    sections.addr = main_.addr;
    sections.ranges = main_.ranges;
    const bool too_large =
        sections.info.size() >> kLotShift != 0 || sections.types.size() >> kLotShift != 0;
    if (++lots_ >= kMostLots || too_large) return units;
    split_.sections.push_back(sections);
    append_units(split_.sections.back(), DieKey{lots_} << kLotShift, units, diag_);
    for (Unit& unit : units) take_defaults(unit);
    return units;
  }

  // In a split unit no attribute says where the tables begin: behind the only header.
  static void take_defaults(Unit& unit) {
    unit.is_split = true;
    if (unit.version < 5) return;
    const bool is_wide = unit.offset_size == 8;
    unit.str_offsets_base = is_wide ? 16 : 8;
    unit.loclists_base = unit.rnglists_base = is_wide ? 20 : 12;
  }

  bool is_meant(const Unit& unit, const Skeleton& skeleton) const {
    if (is_type_unit(unit)) return false;
    if (unit.version >= 5) return unit.signature == skeleton.id;
    const SignatureTable none;
    Unit copy = unit;
    DieStream stream{copy, none};
    Die root;
    return stream.next(root) && root.constant(At::dwo_id) == skeleton.id;
  }

  void add_type_unit(Unit& unit) {
    if (type_units_.insert(unit.signature).second) units_.push_back(std::move(unit));
  }

  void add_compile_unit(const Unit& unit, const Skeleton& skeleton) {
    const Unit& from = skeleton.unit;
    // Its line table stayed with the skeleton.
    DebugSections sections = *unit.sections;
    sections.line = from.sections->line;
    sections.line_str = from.sections->line_str;
    split_.sections.push_back(sections);
    Unit whole = unit;
    whole.sections = &split_.sections.back();
    whole.line_offset = from.line_offset;
    whole.base_address = from.base_address;
    whole.addr_base = from.addr_base;
    whole.directory = from.directory;
    if (whole.version < 5) whole.rnglists_base = from.rnglists_base;
    units_.push_back(std::move(whole));
  }

  // Of a DieKey: which lot of sections, and the place in its section.
  static constexpr unsigned kLotShift = 32;
  static constexpr std::uint64_t kMostLots = kInAlternate >> kLotShift;

  const ObjectFiles& files_;
  const DebugSections main_;
  std::vector<Unit>& units_;
  Diagnostics& diag_;
  SplitFiles split_;
  std::optional<DebugSections> package_;
  std::unordered_map<std::uint64_t, PackageEntry> in_package_;
  std::map<std::string, std::vector<Unit>> opened_;
  std::unordered_set<std::uint64_t> type_units_;
  std::uint64_t lots_ = 0;
};

}  // namespace

SplitFiles read_split_units(const ObjectFiles& files, std::vector<Unit>& units, Diagnostics& diag) {
  return SplitUnitReader{files, units, diag}.read();
}

}  // namespace allocs::meta
