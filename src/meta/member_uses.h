// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "meta/site_targets.h"
#include "meta/typed_places.h"
#include "meta/value_flow.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// What the whole program does with the memory that a member of a structure leads to.
class MemberUses {
 public:
  // Follows the function around a pc, whose code that is, with Origins::calls_and_loads.
  using CodeAround = std::function<FunctionCode(std::uint64_t pc)>;
  using Follow = std::function<FunctionFlow(const FunctionCode& code)>;

  // Nothing is copied but the two functions: the rest must outlive this, and no longer change.
  MemberUses(const ElfFile& object, const types::ObjectModel& model, const TypedStatics& statics,
             const VirtualTables& virtual_tables, CodeAround code_around, Follow follow);
  ~MemberUses();

  // Of the pointer at `place`. Hidden where it is not the member of a structure that is always reached by its own address, or where the functions that may
  // load it are too much code to be followed.
  MemoryUse of(const TypedPlace& place);

 private:
  struct Followed;

  void find_embedded();
  MemoryUse look_at(const TypedPlace& member);
  const Followed* followed(std::uint64_t low);
  MemoryUse use_in(const Followed& function, const TypedPlace& member) const;

  const ElfFile& object_;
  const types::ObjectModel& model_;
  const TypedStatics& statics_;
  const VirtualTables& virtual_tables_;
  CodeAround code_around_;
  Follow follow_;
  bool has_embedded_ = false;
  std::set<types::TypeIndex> embedded_;  // structures that lie in others, in arrays or in statics
  std::map<std::uint64_t, std::unique_ptr<Followed>> followed_;  // by low
  std::map<std::pair<types::TypeIndex, std::int64_t>, MemoryUse> answers_;
  std::uint64_t code_followed_ = 0;  // bytes
};

}  // namespace allocs::meta
