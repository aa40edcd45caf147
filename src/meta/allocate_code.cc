// SPDX-License-Identifier: Apache-2.0
#include "meta/allocate_code.h"

#include <algorithm>
#include <array>

namespace allocs::meta {

namespace {

constexpr std::uint32_t kAnyUnit = types::kNoRecord - 1;  // which, is not known

// gcc's -fipa-icf, on from -O2.
bool makes_equal_functions_one(std::string_view producer) {
  constexpr std::array<std::string_view, 6> kLevels{" -O2",    " -O3", " -Os",
                                                    " -Ofast", " -Oz", " -fipa-icf"};
  return producer.starts_with("GNU") &&
         std::any_of(kLevels.begin(), kLevels.end(),
                     [&](std::string_view level) { return producer.find(level) != producer.npos; });
}

}  // namespace

bool is_standard_allocate(std::string_view name) {
  constexpr std::string_view kEnd = "::allocate";
  constexpr std::array<std::string_view, 4> kClasses{
      "std::allocator", "std::__new_allocator", "std::__1::allocator", "__gnu_cxx::new_allocator"};
  if (!name.ends_with(kEnd)) return false;
  return std::any_of(kClasses.begin(), kClasses.end(), [&](std::string_view of) {
    if (!name.starts_with(of)) return false;
    const std::string_view rest = name.substr(of.size());
    return rest.starts_with('<') || rest == kEnd;
  });
}

void AllocateCodeReader::begin_unit(std::string_view producer) {
  first_entity_ = static_cast<EntityIndex>(facts_.entities.size());
  ++unit_;
  shared_in_ = makes_equal_functions_one(producer) ? unit_ : types::kNoRecord;
}

void AllocateCodeReader::note(EntityIndex function, std::span<const PcRange> code) {
  for (const PcRange& range : code) noted_.push_back({range, function, shared_in_});
}

// Of all that was noted: almost all of it is not.
void AllocateCodeReader::keep_code() {
  constexpr int kMostHops = 8;
  for (const AllocateCode& code : noted_) {
    const Entity* entity = &facts_.entities[code.function];
    bool is_absent = false;
    for (int hop = 0; hop < kMostHops && entity->name == 0 && entity->origin != kNoDie; ++hop) {
      const EntityIndex origin = entities_.find(entity->origin);
      is_absent = origin == OffsetTable::kAbsent;
      if (is_absent) break;
      entity = &facts_.entities[origin];
    }
    if (is_absent && units_refer_to_others_) {
      of_other_units_.push_back(code);
      if (code.unit != types::kNoRecord) of_other_units_.back().unit = kAnyUnit;
    } else if (!is_absent && is_standard_allocate(strings_[entity->name])) {
      facts_.allocate_code.push_back(code);
    }
  }
  noted_.clear();
}

void AllocateCodeReader::end_unit() {
  keep_code();
  for (EntityIndex i = first_entity_; i < facts_.entities.size(); ++i) {
    if (is_standard_allocate(strings_[facts_.entities[i].name]))
      facts_.allocate_functions.push_back({i, unit_});
  }
}

void AllocateCodeReader::end() {
  noted_.swap(of_other_units_);
  keep_code();
}

}  // namespace allocs::meta
