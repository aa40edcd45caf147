// SPDX-License-Identifier: Apache-2.0
#include "meta/allocating_functions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "meta/beside.h"
#include "meta/handed_around.h"
#include "meta/wrappers.h"

// The scan of the code says where calls are. Functions that call malloc and its like are followed value by value. One of them
// may turn out to be a wrapper (xmalloc): then its callers have allocation sites as well, and they are followed too, until
// nothing new turns up. Some are not called but handed around (a table of functions, a parameter). Which pointer leads to them is not
// followed: a call through any pointer may be one of them. That makes nobody allocate who does not: a site counts only where the run
// time sees a block come from.
//
// The work is in proportion to the functions that allocate, not to the object.
namespace allocs::meta {

using types::FunctionRecord;

namespace {

constexpr std::uint64_t kMostCode = 1u << 20;  // of one function

// Of one wrapper's allocations: what its callers ask for then cannot be told from their arguments.
bool count_differently(const AllocationFunction& a, const AllocationFunction& b) {
  if (a.size == kNoArgument || b.size == kNoArgument) return false;
  return a.size != b.size || a.count != b.count || a.unit != b.unit;
}

}  // namespace

AllocatingFunctions::AllocatingFunctions(const ElfFile& object, const DeclaredFunctions& declared,
                                         const Linkage& linkage, const CodeScan& scan,
                                         CallFrames& frames, const types::ObjectModel& model,
                                         const TypedStatics& statics,
                                         const OptimisedPointers& optimised,
                                         const VirtualTables& virtual_tables)
    : object_(object),
      declared_(declared),
      linkage_(linkage),
      scan_(scan),
      frames_(frames),
      model_(model),
      statics_(statics),
      optimised_(optimised),
      virtual_tables_(virtual_tables),
      clobbers_(
          object, linkage, [this](std::uint64_t pc) { return code_around(pc); }, scan.returns) {}

void AllocatingFunctions::find() {
  find_function_starts();
  find_callers();
  follow_all_callers();
}

FunctionFlow AllocatingFunctions::follow_whole(const FunctionCode& code) const {
  return follow_values(object_, linkage_, code, frame_rules(code), &clobbers_, Origins::all);
}

const FunctionFlow* AllocatingFunctions::short_function(const Callee& callee) {
  constexpr std::uint64_t kLongest = 256;  // bytes of code
  if (callee.address == 0 || callee.may_be_another) return nullptr;
  const auto [at, is_new] = short_functions_.try_emplace(callee.address);
  if (!is_new) return at->second.get();
  const FunctionCode code = code_around(callee.address);
  if (code.low != callee.address || code.high - code.low > kLongest) return nullptr;
  at->second = std::make_unique<FunctionFlow>(
      follow_values(object_, linkage_, code, frame_rules(code), &clobbers_));
  return at->second.get();
}

void AllocatingFunctions::find_function_starts() {
  starts_ = linkage_.function_starts();
  for (const FunctionRecord& f : model_.functions) {
    starts_.push_back(f.low);
    starts_.push_back(f.low + f.length);
  }
  for (const CodeCall& call : scan_.calls) {
    const bool leads_to_code = call.return_address != 0 && object_.is_code(call.target);
    if (!leads_to_code) continue;
    called_.insert(call.target);
    if (types::function_at(model_, call.target) == nullptr) starts_.push_back(call.target);
  }
  for (const Section& section : object_.sections()) {
    if ((section.flags & SHF_EXECINSTR) == 0) continue;
    starts_.push_back(section.address);
    starts_.push_back(section.address + section.size);
  }
  std::sort(starts_.begin(), starts_.end());
  starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
}

FunctionCode AllocatingFunctions::code_around(std::uint64_t pc) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), pc);
  if (after == starts_.begin() || after == starts_.end()) return {};
  FunctionCode code{*std::prev(after), *after, true};
  if (const FunctionRecord* f = types::function_at(model_, pc)) {
    code.low = f->low;
    code.high = f->low + f->length;
  }
  code.is_entry = called_.contains(code.low);
  for (const std::string_view name : linkage_.names_at(code.low)) {
    const bool is_part = name.find(".cold") != std::string_view::npos;
    code.is_entry = !is_part;
  }
  if (code.high - code.low > kMostCode) return {};
  return code;
}

void AllocatingFunctions::find_callers() {
  const auto add = [&](const Callee& callee, std::uint64_t at) {
    if (callee.address != 0) {
      callers_by_address_.emplace(callee.address, at);
    } else if (declared_.find(callee.name) != nullptr) {
      callers_of_known_.push_back(at);
    }
  };
  for (const CodeCall& call : scan_.calls) add(linkage_.callee_at(call.target), call.at);
  for (const SlotUse& use : scan_.slot_uses) add(linkage_.callee_in_slot(use.slot), use.at);
}

void AllocatingFunctions::learn_declared() {
  for (const AllocationFunction* function : declared_.all()) {
    const auto address = linkage_.address_of(function->name);
    if (address && declared_.find_own(function->name) != nullptr)
      allocating_.try_emplace(*address, *function);
  }
}

const AllocationFunction* AllocatingFunctions::of(const Callee& callee) const {
  if (callee.address != 0) {
    const auto found = allocating_.find(callee.address);
    return found == allocating_.end() ? declared_.find_own(callee.name) : &found->second;
  }
  return declared_.find(callee.name);
}

// Those that allocate and that the call may lead to.
std::span<const AllocationFunction> AllocatingFunctions::behind(const CallFact& call) const {
  if (!call.callee.known()) return handed_around_;
  const AllocationFunction* function = of(call.callee);
  if (function != nullptr) return std::span(function, 1);
  // What lies in a variable at first need not be what lies there when it is called.
  return call.callee.may_be_another ? std::span<const AllocationFunction>{handed_around_}
                                    : std::span<const AllocationFunction>{};
}

bool AllocatingFunctions::is_in_wrapper(Followed& followed, const CallFact& call) const {
  return std::ranges::any_of(behind(call), [&](const AllocationFunction& function) {
    return wrapper_by(followed, call, function).has_value();
  });
}

TargetFinder& AllocatingFunctions::targets_of(Followed& followed) const {
  if (followed.targets == nullptr) {
    followed.targets = std::make_unique<TargetFinder>(model_, statics_, optimised_, virtual_tables_,
                                                      followed.record, followed.flow);
  }
  return *followed.targets;
}

// Of most functions their declaration says that they are none.
std::optional<AllocationFunction> AllocatingFunctions::wrapper_by(
    Followed& followed, const CallFact& call, const AllocationFunction& callee) const {
  if (!may_be_wrapper_around(model_, followed.record, followed.flow, call, callee))
    return std::nullopt;
  return wrapper_around(model_, followed.record, followed.flow, targets_of(followed), call, callee);
}

void AllocatingFunctions::follow_all_callers() {
  std::vector<std::uint64_t> calls = callers_of_known_;
  std::deque<std::uint64_t> todo;
  for (const auto& [address, function] : allocating_) {
    todo.push_back(address);
    const auto [begin, end] = callers_by_address_.equal_range(address);
    for (auto caller = begin; caller != end; ++caller) calls.push_back(caller->second);
  }
  follow_all_at(calls);
  learn_wrappers(todo);
  follow_callers_of(todo);
  handed_around_ = handed_around(allocating_, linkage_, scan_);
  if (handed_around_.empty()) return;
  calls.clear();
  for (const IndirectCall& call : scan_.indirect_calls) {
    if (call.gives_address) calls.push_back(call.at);
  }
  calls.insert(calls.end(), scan_.jumps_through_memory.begin(), scan_.jumps_through_memory.end());
  follow_all_at(calls);
  learn_wrappers(todo);
  follow_callers_of(todo);
}

void AllocatingFunctions::learn_wrappers(std::deque<std::uint64_t>& todo) {
  for (const auto& [low, followed] : followed_) {
    if (learn_wrapper(*followed)) todo.push_back(low);
  }
}

void AllocatingFunctions::follow_callers_of(std::deque<std::uint64_t>& todo) {
  while (!todo.empty()) {
    const std::uint64_t callee = todo.front();
    todo.pop_front();
    const auto [begin, end] = callers_by_address_.equal_range(callee);
    for (auto caller = begin; caller != end; ++caller) {
      Followed* const followed = follow_at(caller->second);
      if (followed != nullptr && learn_wrapper(*followed)) todo.push_back(followed->flow.low);
    }
  }
}

// The errand of the function around `pc`, if that was not followed before.
std::optional<AllocatingFunctions::Errand> AllocatingFunctions::errand_at(std::uint64_t pc) {
  const FunctionCode code = code_around(pc);
  if (code.low == code.high) return std::nullopt;
  std::unique_ptr<Followed>& followed = followed_[code.low];
  if (followed != nullptr) return std::nullopt;
  followed = std::make_unique<Followed>();
  return Errand{code, frame_rules(code), followed.get()};
}

// Reads what no longer changes, so several threads may be here.
void AllocatingFunctions::run(const Errand& errand) const {
  Followed& followed = *errand.followed;
  followed.record = types::function_at(model_, errand.code.low);
  followed.flow = follow_values(object_, linkage_, errand.code, errand.rules, &clobbers_);
}

// The functions around `calls`, by two threads.
void AllocatingFunctions::follow_all_at(const std::vector<std::uint64_t>& calls) {
  std::vector<Errand> errands;
  for (const std::uint64_t at : calls) {
    if (auto errand = errand_at(at)) errands.push_back(std::move(*errand));
  }
  for_each_by_two(errands.size(), [&](std::size_t i) { run(errands[i]); });
}

AllocatingFunctions::Followed* AllocatingFunctions::follow_at(std::uint64_t pc) {
  if (const auto errand = errand_at(pc)) run(*errand);
  const auto found = followed_.find(code_around(pc).low);
  return found == followed_.end() ? nullptr : found->second.get();
}

FrameRuleAt AllocatingFunctions::frame_rules(const FunctionCode& code) const {
  return [rows = frames_.rows(code.low, code.high)](std::uint64_t pc) -> std::optional<FrameRule> {
    const auto after = std::ranges::upper_bound(rows, pc, {}, &CallFrameRow::low);
    if (after == rows.begin()) return std::nullopt;
    const CallFrameRow& row = *std::prev(after);
    if (pc >= row.high || row.cfa_register >= kRegisterCount) return std::nullopt;
    return FrameRule{static_cast<Register>(row.cfa_register), row.cfa_offset};
  };
}

// Whether the function is found, for the first time, to be a wrapper.
bool AllocatingFunctions::learn_wrapper(Followed& followed) {
  const std::uint64_t low = followed.flow.low;
  if (allocating_.contains(low) || !code_around(low).is_entry) return false;
  std::optional<AllocationFunction> found;
  for (const CallFact& call : followed.flow.calls) {
    for (const AllocationFunction& callee : behind(call)) {
      const auto wrapper = wrapper_by(followed, call, callee);
      if (!wrapper) continue;
      if (!found) {
        found = wrapper;
      } else if (count_differently(*found, *wrapper)) {
        found->size = found->count = kNoArgument;
      }
    }
  }
  if (!found) return false;
  found->name = linkage_.callee_at(low).name;
  allocating_.emplace(low, *found);
  return true;
}

}  // namespace allocs::meta
