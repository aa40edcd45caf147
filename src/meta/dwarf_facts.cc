// SPDX-License-Identifier: Apache-2.0
#include "meta/dwarf_facts.h"

#include <optional>

#include "meta/unit_reader.h"

namespace allocs::meta {

DwarfFacts read_debug_information(const ObjectFiles& files, CallFrames& frames,
                                  types::StringPool& strings, Diagnostics& diag) {
  DwarfFacts facts;
  const ElfFile& file = files.with_debug_information();
  const DebugSections sections{file};
  if (sections.info.empty()) return facts;
  std::optional<DebugSections> alternate;
  if (files.alternate) alternate.emplace(*files.alternate);
  std::vector<Unit> units = read_units(sections, alternate ? &*alternate : nullptr, diag);
  facts.split = read_split_units(files, units, diag);
  const SignatureTable signatures = read_signatures(units);
  // What C and C++ come to, per byte; growing step by step would touch twice the memory.
  facts.types.types.reserve(sections.info.size() / 20);
  facts.types.members.reserve(sections.info.size() / 30);
  facts.entities.reserve(sections.info.size() / 60);
  UnitReader reader{files, facts, strings, frames};
  for (Unit& unit : units) {
    if (!reader.read(unit, signatures)) {
      diag.warning(unit.sections->file->path(),
                   "debug information is damaged; the rest of the unit is left out", unit.offset);
    }
  }
  reader.settle();
  return facts;
}

}  // namespace allocs::meta
