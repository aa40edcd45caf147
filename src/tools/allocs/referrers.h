// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/query/object_reader.h"
#include "runtime/query/path.h"
#include "runtime/query/type_by_referrers.h"
#include "tools/allocs/finding.h"
#include "tools/allocs/word_scan.h"

namespace allocs::tool {

// A word, or a register, that holds an address within an allocation.
struct Referrer {
  enum class Kind : std::uint8_t {
    pointer,      // a field or variable whose type is a pointer, from its start
    other,        // one of another type: it may be by chance
    untyped,      // a word of an allocation without a type
    register_,    // of a thread
    bookkeeping,  // the C library's malloc refers to its chunks, which begin in the block before
    nowhere,      // in no allocation: freed memory, the allocator's own, a frame that has returned
  };
  Kind kind = Kind::nowhere;
  std::uint64_t at = 0;  // 0: a register
  std::uint64_t value = 0;
  AddressRange target{};  // the allocation that it refers to
  AddressRange holder{};  // the allocation that it lies in; empty for a register
  std::string allocator{};
  std::string path{};        // of the word
  std::string field_type{};  // as the source writes it
  std::string holder_type{};
  std::string register_name{};
  int thread = 0;
  bool is_block = false;  // the holder is a block of the heap: somebody has to hold it in turn
};

template <query::Process P>
Referrer referrer_at(const P& process, Address at, std::uint64_t value, AddressRange target) {
  Referrer found{.at = raw(at), .value = value, .target = target};
  const query::Answer answer = query::query(process, at);
  using query::Allocator;
  const bool is_place = answer.error == ALLOC_OK && answer.allocator != Allocator::mmap &&
                        answer.allocator != Allocator::brk && answer.allocator != Allocator::stack;
  if (!is_place) return found;
  found.holder = answer.range;
  found.allocator = query::row_of(answer.allocator).name;
  found.thread = answer.thread;
  found.is_block =
      answer.allocator == Allocator::lib_malloc || answer.allocator == Allocator::program_malloc;
  const auto slot = query::slot_at(process, answer, at);
  const types::ObjectReader reader = query::object_reader(process);
  found.path = text_of([&](TextWriter& out) {
    query::put_path_to_slot(out, answer, at, slot ? query::slot_name(*slot) : nullptr, &reader);
  });
  found.kind = Referrer::Kind::untyped;
  if (answer.type == nullptr) {
    if (found.is_block) {
      found.path = fmt::format("{:#x} + {}", raw(answer.range.begin), at - answer.range.begin);
    }
    return found;
  }
  const auto spelled = [](const uniqtype* type) {
    return text_of([&](TextWriter& out) { types::put_human_name(out, type); });
  };
  found.holder_type = spelled(answer.type);
  if (slot) {
    if (slot->holds == query::FramePlace::Holds::unknown) return found;
    if (slot->part == query::FramePlace::Part::return_address) {
      found.kind = Referrer::Kind::other;
      return found;
    }
    found.field_type = slot->type == nullptr ? "void *" : spelled(slot->type);
    const bool is_pointer =
        slot->holds == query::FramePlace::Holds::pointer && slot->range.begin == at;
    found.kind = is_pointer ? Referrer::Kind::pointer : Referrer::Kind::other;
    return found;
  }
  const uniqtype* field = answer.type;
  Address begin = answer.range.begin;
  query::for_each_subobject(
      answer, at,
      [&](const types::Subobject& step, Address base) {
        field = step.type;
        begin = base;
      },
      &reader);
  if (field == nullptr) return found;
  found.field_type = spelled(field);
  if (found.field_type == "struct malloc_chunk *") {
    found.kind = Referrer::Kind::bookkeeping;
    return found;
  }
  const bool is_pointer = types::record_of(*field).kind == types::Kind::address && begin == at;
  found.kind = is_pointer ? Referrer::Kind::pointer : Referrer::Kind::other;
  // Padding, and what lies between the variables of a frame.
  if (types::record_of(*field).kind == types::Kind::composite) found.kind = Referrer::Kind::untyped;
  return found;
}

// What the pointers to the untyped block `block` tell of its type, and the containers that keep it.
template <Memory M>
void set_type_by_list(const RemoteProcess<M>& process, std::span<const Referrer> referrers,
                      query::Answer& block) {
  query::TypeByReferrers types(block.range.size());
  const types::ObjectReader reader = query::object_reader(process);
  const auto descriptions = [&](const uniqtype& type, const auto& visit) {
    process.for_each_description(type, visit);
  };
  for (const Referrer& referrer : referrers) {
    if (referrer.kind == Referrer::Kind::register_) continue;
    const Address at{referrer.at};
    const query::Answer holder = query::query(process, at);
    if (holder.error != ALLOC_OK || holder.type_grade < ALLOC_GRADE_PLAUSIBLE) continue;
    const std::uint64_t offset = referrer.value - raw(block.range.begin);
    if (const auto* pointer = query::pointer_type_at(holder.type, holder.range, at, reader))
      types.add(*pointer, offset);
    if (offset != 0) continue;
    if (auto* const element = query::element_type_kept_in(
            process.types(), process.host(), descriptions, holder, at, block.range, reader))
      types.add_elements(element);
  }
  query::set_agreed_type(process.types(), types.decide(), block);
}

// Everything that refers to one of the targets, by address; registers last. `memory` is the target's.
template <Memory M>
std::vector<Referrer> find_referrers(const M& memory, const RemoteProcess<M>& process,
                                     std::span<const AddressRange> where,
                                     const TargetRanges& targets) {
  std::vector<Referrer> found;
  for_each_reference(memory, where, targets,
                     [&](Address at, std::uint64_t value, const AddressRange& target) {
                       Referrer referrer = referrer_at(process, at, value, target);
                       // Elsewhere numbers that look like addresses are by chance, unless a type says otherwise.
                       const bool is_aligned = raw(at) % sizeof(void*) == 0;
                       if (is_aligned || referrer.kind == Referrer::Kind::pointer)
                         found.push_back(std::move(referrer));
                     });
  for (const auto& thread : process.threads()) {
    for (unsigned i = 0; i < elf::kRip; ++i) {
      const auto value = thread.registers.get(i);
      if (i == elf::kRsp || !value || !targets.may_hold(*value)) continue;
      const AddressRange* target = targets.find(*value);
      if (target == nullptr) continue;
      found.push_back({.kind = Referrer::Kind::register_,
                       .value = *value,
                       .target = *target,
                       .register_name = elf::kRegisterNames[i],
                       .thread = thread.id});
    }
  }
  return found;
}

// What may hold a block in earnest: not malloc itself, nor a word that is in no allocation.
inline bool may_hold(const Referrer& referrer) {
  return referrer.kind != Referrer::Kind::nowhere && referrer.kind != Referrer::Kind::bookkeeping;
}

// The shortest chain of references from something that is not a block of the heap (a variable, a register) to the
// allocation `wanted`: the outermost first. Empty: there is none; it is a leak if every reference is a plain word.
template <Memory M>
std::vector<Referrer> chain_from_root(const M& memory, const RemoteProcess<M>& process,
                                      std::span<const AddressRange> where, AddressRange wanted,
                                      std::size_t most_steps) {
  std::map<std::uint64_t, Referrer> held_by;  // by the begin of the allocation that is held
  std::set<std::uint64_t> seen{raw(wanted.begin)};
  std::vector<AddressRange> frontier{wanted};
  for (std::size_t step = 0; step < most_steps && !frontier.empty(); ++step) {
    TargetRanges targets;
    for (const AddressRange& range : frontier) targets.add(range);
    targets.sort();
    std::vector<AddressRange> next;
    std::optional<Referrer> root;
    for (Referrer& referrer : find_referrers(memory, process, where, targets)) {
      if (!may_hold(referrer)) continue;
      if (referrer.is_block) {
        if (!seen.insert(raw(referrer.holder.begin)).second) continue;
        next.push_back(referrer.holder);
        held_by.emplace(raw(referrer.holder.begin), std::move(referrer));
      } else if (!root || (root->kind != Referrer::Kind::pointer &&
                           referrer.kind == Referrer::Kind::pointer)) {
        root = std::move(referrer);
      }
    }
    if (root) {
      std::vector<Referrer> chain{std::move(*root)};
      while (chain.back().target.begin != wanted.begin)
        chain.push_back(held_by.at(raw(chain.back().target.begin)));
      return chain;
    }
    frontier = std::move(next);
  }
  return {};
}

}  // namespace allocs::tool
