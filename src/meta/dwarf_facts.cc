// SPDX-License-Identifier: Apache-2.0
#include "meta/dwarf_facts.h"

#include <algorithm>
#include <optional>

#include "meta/unit_reader.h"

namespace allocs::meta {

DwarfFacts read_debug_information(const ObjectFiles& files, const ReadingOptions& options,
                                  CallFrames& frames, types::StringPool& strings,
                                  Diagnostics& diag) {
  DwarfFacts facts;
  const ElfFile& file = files.with_debug_information();
  const DebugSections sections{file};
  if (sections.info.empty()) return facts;
  std::optional<DebugSections> alternate;
  if (files.alternate) alternate.emplace(*files.alternate);
  std::vector<Unit> units = read_units(sections, alternate ? &*alternate : nullptr, diag);
  facts.split = read_split_units(files, units, diag);
  const SignatureTable signatures = read_signatures(units);
  const bool refer_to_others = std::any_of(units.begin(), units.end(), [](const Unit& unit) {
    return unit.abbreviations->refers_beyond_units;
  });
  UnitReader reader{options, refer_to_others, files, facts, strings, frames};
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
