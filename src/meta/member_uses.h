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

#include "meta/code_distances.h"
#include "meta/possible_callees.h"
#include "meta/reading_members.h"
#include "meta/site_targets.h"
#include "meta/typed_places.h"
#include "meta/value_flow.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// What the whole program does with the memory that a member of a structure leads to, or that a function is given.
class MemberUses {
 public:
  // Follows the function around a pc, whose code that is, with Origins::all.
  using CodeAround = std::function<FunctionCode(std::uint64_t pc)>;
  using Follow = std::function<FunctionFlow(const FunctionCode& code)>;

  // Nothing is copied but the two functions: the rest must outlive this, and no longer change.
  MemberUses(const ElfFile& object, const types::ObjectModel& model, const TypedStatics& statics,
             const ComputedPointers& computed, const VirtualTables& virtual_tables,
             const ReadingMembers& reading_members, PossibleCallees callees, CodeAround code_around,
             Follow follow);
  ~MemberUses();

  // Of the pointer at `place`. Lost where it is not the member of a structure that is always reached by its own
  // address, where its own address is handed on, or where the functions that may load it are too much code.
  MemoryUse of(const TypedPlace& place);

  // Of the pointer that `call`, in a function of which `targets` knows, passes as its argument `n`, by the callee, or by all functions that a pointer may lead to.
  // Never `as_bytes`: to look at any memory byte by byte is nothing special (a hash, a checksum). Hidden if it is another
  // object's, or may be; lost if it keeps the pointer or is not followed.
  MemoryUse by_callee(const TargetFinder& targets, const CallFact& call, int n);

 private:
  struct Followed {
    FunctionFlow flow;
    std::unique_ptr<TargetFinder> targets;
  };
  class LentMemory;
  // Whether it is stored where it is anyway.
  using IsKept = std::function<bool(const StoreFact& store)>;
  // A member, and what else may lead to it.
  struct Watched {
    TypedPlace member;
    std::vector<std::int64_t>
        row;  // offsets of the pointers that lie in front of it without a gap, and its own
    std::vector<types::TypeIndex> twins =
        {};  // structures that begin alike up to it: one may be used as the other
  };

  Watched watched(const TypedPlace& member) const;
  static bool is_of_structure(types::TypeIndex type, const Watched& what);
  // What was found, or, while it is being looked for, how deep in calls that began.
  struct Answer {
    MemoryUse use;
    int depth = 0;
    bool is_open = true;
  };
  class Search;

  MemoryUse by_pointer(const TargetFinder& targets, const CallFact& call, int n);
  MemoryUse of_argument(std::uint64_t low, int n);
  MemoryUse look_at_argument(std::uint64_t low, int n);
  // What `function` does with the memory that `atom` leads to. `kept_in`: the member that the pointer is in anyway; `lent`: from where it was
  // read, if that is such memory.
  MemoryUse of_value(const Followed& function, AtomId atom,
                     const std::optional<TypedPlace>& kept_in = {}, const IsKept& is_kept = {},
                     LentMemory* lent = nullptr);
  MemoryUse of_one_value(const Followed& function, AtomId atom,
                         const std::optional<TypedPlace>& kept_in, const IsKept& is_kept,
                         std::vector<AtomId>& same);
  MemoryUse of_places(const Followed& function, AtomId atom,
                      const std::optional<TypedPlace>& kept_in, const IsKept& is_kept);

  bool is_too_deep() const;
  void find_embedded();
  MemoryUse look_at(const TypedPlace& member);
  const Followed* followed(std::uint64_t low);
  MemoryUse use_in(const Followed& function, const Watched& watched);

  const types::ObjectModel& model_;
  const TypedStatics& statics_;
  const ComputedPointers& computed_;
  const VirtualTables& virtual_tables_;
  const ReadingMembers& reading_members_;
  PossibleCallees callees_;
  CodeAround code_around_;
  Follow follow_;
  CodeDistances distances_;
  bool has_embedded_ = false;
  std::set<types::TypeIndex> embedded_;  // structures that lie in others, in arrays or in statics
  std::map<std::uint64_t, std::unique_ptr<Followed>> followed_;  // by low
  std::map<std::pair<types::TypeIndex, std::int64_t>, Answer> answers_;
  std::map<std::pair<std::uint64_t, int>, Answer> of_arguments_;
  int shallowest_open_;  // of the answers that were asked for while they were being looked for
  int searches_ = 0;
  LentMemory* lent_ = nullptr;       // what is read there is being looked at
  std::uint64_t code_followed_ = 0;  // bytes
  int depth_ = 0;                    // of calls that are being followed
};

}  // namespace allocs::meta
