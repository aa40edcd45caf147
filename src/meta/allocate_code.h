// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "meta/dwarf_facts.h"
#include "meta/offset_table.h"

namespace allocs::meta {

// Is it the `allocate` of a standard library's allocator? `name`: qualified, with template arguments or without.
bool is_standard_allocate(std::string_view name);

// Gathers DwarfFacts::allocate_code and allocate_functions while the units are read.
//
// Which function was inlined somewhere, the origin of the entry tells, and that may come behind it, or in another unit. So all code of functions is noted, and looked at
// when its unit ends; what leads to another unit is looked at in the end.
class AllocateCodeReader {
 public:
  // `entities`: the entries that may be origins. Where units do not refer to others, an origin that is not found is none.
  AllocateCodeReader(DwarfFacts& facts, const types::StringPool& strings,
                     const OffsetTable& entities, bool units_refer_to_others)
      : facts_(facts),
        strings_(strings),
        entities_(entities),
        units_refer_to_others_(units_refer_to_others) {}

  void begin_unit(std::string_view producer);
  void note(EntityIndex function, std::span<const PcRange> code);
  void end_unit();
  // Before the entities' origins are settled.
  void end();

 private:
  void keep_code();

  DwarfFacts& facts_;
  const types::StringPool& strings_;
  const OffsetTable& entities_;
  bool units_refer_to_others_;
  std::vector<AllocateCode> noted_, of_other_units_;
  std::uint32_t unit_ = 0;                      // which it is
  EntityIndex first_entity_ = 0;                // of it
  std::uint32_t shared_in_ = types::kNoRecord;  // AllocateCode::unit
};

}  // namespace allocs::meta
