// SPDX-License-Identifier: Apache-2.0
#include "meta/constants.h"

#include <algorithm>
#include <map>
#include <set>

#include "meta/literals.h"

// x86 arithmetic takes floating-point and vector constants from memory only, so a compiler keeps each in read-only data, aligned to its
// size, and the instruction says how large it is: `mulsd xmm0, [rip + X]` reads the double at X.
//
// Believed is what nothing contradicts: all instructions that read there read as many bytes; no address is taken, and nothing else read,
// inside it; no object with a name is there.
namespace allocs::meta {

namespace {

struct Constant {
  std::uint8_t size = 0;
  bool is_number = false;
  bool is_doubtful = false;
};

std::map<std::uint64_t, Constant> constants_of(const CodeScan& scan) {
  std::map<std::uint64_t, Constant> constants;
  for (const DataRead& read : scan.reads) {
    const auto [known, is_new] =
        constants.try_emplace(read.target, Constant{read.size, read.is_number, read.size == 0});
    if (known->second.size != read.size || known->second.is_number != read.is_number)
      known->second.is_doubtful = true;
  }
  return constants;
}

const Section* section_of(const ElfFile& object, std::uint64_t address, std::uint64_t size) {
  for (const Section& section : object.sections()) {
    const bool holds = address >= section.address &&
                       address - section.address <= section.bytes.size() &&
                       size <= section.bytes.size() - (address - section.address);
    const bool is_constant = section.type == SHT_PROGBITS &&
                             (section.flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR)) == SHF_ALLOC;
    if (holds && is_constant && (has_literals(section) || section.name.starts_with(".rodata")))
      return &section;
  }
  return nullptr;
}

// The ends of the statics by their starts.
std::map<std::uint64_t, std::uint64_t> extents(const types::ObjectModel& model) {
  std::map<std::uint64_t, std::uint64_t> ends;
  for (const types::StaticRecord& record : model.statics) {
    const bool is_guessed = (record.flags & types::kStaticSizeGuessed) != 0;
    std::uint64_t& end = ends[record.address];
    end = std::max(end, record.address + (is_guessed ? 1 : record.size));
  }
  return ends;
}

}  // namespace

void add_constants(const ElfFile& object, const CodeScan& scan, types::ObjectModel& model) {
  constexpr std::uint8_t kDwarfFloat = 4;  // DW_ATE_float
  const std::map<std::uint64_t, Constant> constants = constants_of(scan);
  const std::map<std::uint64_t, std::uint64_t> known = extents(model);
  std::set<std::uint64_t> taken;
  for (const AddressTaken& reference : scan.references) taken.insert(reference.target);
  for (auto at = constants.begin(); at != constants.end(); ++at) {
    const auto& [address, constant] = *at;
    const std::uint64_t end = address + constant.size;
    if (constant.is_doubtful || address % constant.size != 0) continue;
    if (std::next(at) != constants.end() && std::next(at)->first < end) continue;
    if (at != constants.begin() && std::prev(at)->first + std::prev(at)->second.size > address)
      continue;
    const auto reference = taken.lower_bound(address);
    if (reference != taken.end() && *reference < end) continue;
    const auto after = known.lower_bound(end);
    if (after != known.begin() && std::prev(after)->second > address) continue;
    if (section_of(object, address, constant.size) == nullptr) continue;
    types::StaticRecord record;
    record.address = address;
    record.size = constant.size;
    record.name = model.strings.add("(constant)");
    if (constant.is_number) record.type = model.types.base_type(kDwarfFloat, constant.size);
    record.kind = types::StaticKind::unnamed;
    record.flags = types::kStaticInferred;
    model.statics.push_back(record);
  }
}

}  // namespace allocs::meta
