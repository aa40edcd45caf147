// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "meta/allocation_functions.h"
#include "meta/call_clobbers.h"
#include "meta/call_frames.h"
#include "meta/code_scan.h"
#include "meta/linkage.h"
#include "meta/optimised_pointers.h"
#include "meta/site_targets.h"
#include "meta/typed_places.h"
#include "meta/value_flow.h"
#include "meta/virtual_tables.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// The functions of an object that allocate, and what those that call them do with what they get.
class AllocatingFunctions {
 public:
  // One that was followed.
  struct Followed {
    const types::FunctionRecord* record;  // nullptr where there is no debug information
    FunctionFlow flow;
    std::unique_ptr<TargetFinder> targets;  // when they were asked for
  };

  // Nothing is copied: all must outlive this, and no longer change, apart from strings and types that are added to the model.
  AllocatingFunctions(const ElfFile& object, const DeclaredFunctions& declared,
                      const Linkage& linkage, const CodeScan& scan, CallFrames& frames,
                      const types::ObjectModel& model, const TypedStatics& statics,
                      const OptimisedPointers& optimised, const VirtualTables& virtual_tables);

  // Those that the object defines under a name that is declared. The rest is not known before `find`.
  void learn_declared();
  // All others, and their callers. Nothing changes afterwards.
  void find();

  // By address; those that call what allocates, or may. Each may be given up when it is no longer needed: most memory is here.
  std::map<std::uint64_t, std::unique_ptr<Followed>>& followed() { return followed_; }

  // nullptr if it is not known to allocate.
  const AllocationFunction* of(const Callee& callee) const;
  // Those that allocate and that the call may lead to.
  std::span<const AllocationFunction> behind(const CallFact& call) const;
  // Whether the call is how a wrapper allocates.
  bool is_in_wrapper(Followed& followed, const CallFact& call) const;
  TargetFinder& targets_of(Followed& followed) const;

  // The function around `pc`, or the code between two functions; empty if there is none or if it is too large.
  FunctionCode code_around(std::uint64_t pc) const;
  // Follows everything in that code: what is loaded and passed as well.
  FunctionFlow follow_whole(const FunctionCode& code) const;
  // Of a function that may be there to compute a number; nullptr if it is long, or the call may lead elsewhere.
  //
  // Context: one thread at a time.
  const FunctionFlow* short_function(const Callee& callee);

 private:
  // One of the functions to be followed.
  struct Errand {
    FunctionCode code;
    FrameRuleAt rules;
    Followed* followed;
  };

  void find_function_starts();
  void find_callers();
  void follow_all_callers();
  void learn_wrappers(std::deque<std::uint64_t>& todo);
  void follow_callers_of(std::deque<std::uint64_t>& todo);
  std::optional<Errand> errand_at(std::uint64_t pc);
  void run(const Errand& errand) const;
  void follow_all_at(const std::vector<std::uint64_t>& calls);
  Followed* follow_at(std::uint64_t pc);
  FrameRuleAt frame_rules(const FunctionCode& code) const;
  bool learn_wrapper(Followed& followed);
  std::optional<AllocationFunction> wrapper_by(Followed& followed, const CallFact& call,
                                               const AllocationFunction& callee) const;

  const ElfFile& object_;
  const DeclaredFunctions& declared_;
  const Linkage& linkage_;
  const CodeScan& scan_;
  CallFrames& frames_;
  const types::ObjectModel& model_;
  const TypedStatics& statics_;
  const OptimisedPointers& optimised_;
  const VirtualTables& virtual_tables_;
  mutable CallClobbers clobbers_;
  std::vector<std::uint64_t> starts_;  // of functions and of what lies between them, sorted
  std::unordered_set<std::uint64_t> called_;
  std::unordered_multimap<std::uint64_t, std::uint64_t> callers_by_address_;
  std::vector<std::uint64_t> callers_of_known_;
  std::map<std::uint64_t, AllocationFunction> allocating_;  // functions of this object
  std::vector<AllocationFunction> handed_around_;           // likewise, how to call them
  std::map<std::uint64_t, std::unique_ptr<Followed>> followed_;
  std::unordered_map<std::uint64_t, std::unique_ptr<FunctionFlow>> short_functions_;
};

}  // namespace allocs::meta
