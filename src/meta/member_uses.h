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

// What the whole program does with the memory that a member of a structure leads to, or that a function is given.
class MemberUses {
 public:
  // Follows the function around a pc, whose code that is, with Origins::all.
  using CodeAround = std::function<FunctionCode(std::uint64_t pc)>;
  using Follow = std::function<FunctionFlow(const FunctionCode& code)>;

  // Nothing is copied but the two functions: the rest must outlive this, and no longer change.
  MemberUses(const ElfFile& object, const types::ObjectModel& model, const TypedStatics& statics,
             const OptimisedPointers& optimised, const VirtualTables& virtual_tables,
             CodeAround code_around, Follow follow);
  ~MemberUses();

  // Of the pointer at `place`. Lost where it is not the member of a structure that is always reached by its own
  // address, where its own address is handed on, or where the functions that may load it are too much code.
  MemoryUse of(const TypedPlace& place);

  // Of the pointer that `call` passes as its argument `n`, by the callee. Never `as_bytes`: to look at any memory
  // byte by byte is nothing special (a hash, a checksum). Hidden if it is another object's, or one that a pointer
  // leads to; lost if it keeps the pointer, returns it or is not followed.
  MemoryUse by_callee(const CallFact& call, int n);

 private:
  struct Followed;
  struct Deeper;
  // A member, and what else may lead to it.
  struct Watched {
    TypedPlace member;
    std::vector<std::int64_t>
        row;  // offsets of the pointers that lie in front of it without a gap, and its own
    std::vector<types::TypeIndex> twins =
        {};  // structures that begin alike up to it: one may be used as the other
    std::vector<TypedPlace> parts = {};  // structures in the structure, and where they begin
  };

  Watched watched(const TypedPlace& member) const;
  std::vector<std::int64_t> distances_to(const Watched& what, std::int64_t offset) const;
  void add_parts(types::TypeIndex type, std::int64_t offset, int depth,
                 std::vector<TypedPlace>& parts) const;
  static bool is_of_structure(types::TypeIndex type, const Watched& what);
  MemoryUse of_argument(std::uint64_t low, int n);
  MemoryUse of_value(const Followed& function, AtomId atom,
                     const std::optional<TypedPlace>& kept_in);

  void find_embedded();
  MemoryUse look_at(const TypedPlace& member);
  const Followed* followed(std::uint64_t low);
  MemoryUse use_in(const Followed& function, const Watched& watched);

  const ElfFile& object_;
  const types::ObjectModel& model_;
  const TypedStatics& statics_;
  const OptimisedPointers& optimised_;
  const VirtualTables& virtual_tables_;
  CodeAround code_around_;
  Follow follow_;
  bool has_embedded_ = false;
  std::set<types::TypeIndex> embedded_;  // structures that lie in others, in arrays or in statics
  std::map<std::uint64_t, std::unique_ptr<Followed>> followed_;  // by low
  std::map<std::pair<types::TypeIndex, std::int64_t>, MemoryUse> answers_;
  std::map<std::pair<std::uint64_t, int>, MemoryUse> of_arguments_;
  std::uint64_t code_followed_ = 0;  // bytes
  int depth_ = 0;                    // of calls that are being followed
};

}  // namespace allocs::meta
