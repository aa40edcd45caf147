// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "meta/library_memory.h"
#include "meta/site_targets.h"

// What one function does with memory, and by which ways it may reach a member: the half of TargetFinder that says nothing of types.
namespace allocs::meta {

using types::FunctionRecord;
using types::Kind;
using types::kNoType;
using types::TypeIndex;

MemoryUse TargetFinder::memory_use(AtomId atom, const UseByCallee& by_callee) const {
  const ResultUses& uses = uses_.uses_of(atom);
  MemoryUse found;
  for (const UseFact* use : uses.memory) {
    // Vector registers copy memory, whatever lies in it.
    (use->is_block ? found.is_hidden : use->size == 1 ? found.as_bytes : found.as_more) = true;
    found.at_number = found.at_number || (use->size == 1 && use->is_at_number);
  }
  // `p = malloc(16 + n); return p + 16;`: who gets that may look in front of it.
  const bool is_lost = (uses.is_returned_behind_head && may_return_address()) || uses.is_lost ||
                       flow_.has_cut_choices || (uses.is_returned_second && returns_two_words());
  if (is_lost) found.add(MemoryUse::lost());
  const auto see_argument = [&](const CallFact& call, int n) {
    if (is_not_passed(call.callee, n)) return;
    if (takes_text(call.callee, n)) {
      found.as_bytes = true;
    } else if (takes_any_memory(call.callee)) {
      found.is_hidden = found.is_hidden || is_moved_as_structures(call, n);
    } else if (!is_declared_as_text(call.callee, n)) {
      found.add(by_callee(call, n));
    } else if (call.callee.address != 0) {
      MemoryUse use = by_callee(call, n);
      use.is_hidden =
          use.is_lost;  // else what it does is what one does with text, though all need not be seen
      found.add(use);
    }
  };
  for (const ResultUses::Argument& use : uses.arguments) see_argument(*use.call, use.number);
  for (const auto& [call, n] : uses.arguments_elsewhere) see_argument(*call, n);
  return found;
}

// Whether the function returns a structure of two words.
bool TargetFinder::returns_two_words() const {
  if (function_ == nullptr || function_->type == kNoType) return true;
  const TypeIndex type = model_.types[function_->type].target;
  return type == kNoType ||
         (model_.types[type].kind == Kind::composite && model_.types[type].size > 8);
}

// A register of arguments that the callee has none for: it holds what it held.
bool TargetFinder::is_not_passed(const Callee& callee, int n) const {
  const FunctionRecord* function =
      callee.address == 0 ? nullptr : types::function_with_entry(model_, callee.address);
  if (function == nullptr || function->type == kNoType) return false;
  const types::TypeRecord& type = model_.types[function->type];
  const bool is_known = (type.flags & types::kTypePrototyped) != 0 &&
                        (type.flags & types::kTypeVariadic) == 0 &&
                        callee.name.find('.') == std::string_view::npos;
  if (!is_known) return false;
  const auto arguments = model_.types.members_of(function->type);
  const bool are_simple = std::ranges::all_of(arguments, [&](const types::MemberRecord& one) {
    return one.type != kNoType && model_.types[one.type].kind != Kind::composite;
  });
  return are_simple && static_cast<std::size_t>(n) >= arguments.size();
}

// memcpy(block, &structure, n), fread(block, sizeof(structure), n, file): it is written or read as such.
bool TargetFinder::is_moved_as_structures(const CallFact& call, int n) const {
  const int size = record_size_argument(call.callee);
  if (size >= 0)
    return n == 0 && call.arguments[static_cast<std::size_t>(size)] != Value::constant(1);
  if (!copies_memory(call.callee) || n > 1) return false;
  const auto other = static_cast<std::size_t>(1 - n);
  const std::vector<TypedPlace> places =
      pointers_.targets_of(call.arguments[other], kArgumentRegisters[other], call.at);
  return std::ranges::any_of(places, [&](const TypedPlace& place) {
    return place.type != kNoType && !is_character(model_.types[place.type]) &&
           model_.types[place.type].kind != Kind::array;
  });
}

bool TargetFinder::is_address_handed_on(const TypedPlace& place) const {
  const auto leads_there = [&](const Value& value, std::uint64_t pc) {
    if (value.factor != 1 || value.addend != place.offset) return false;
    const auto targets = pointers_.targets_of(value, Register::none, pc);
    return std::ranges::find(targets, place) != targets.end();
  };
  // The address of a structure is that of its first member.
  const auto is_pointers = [&](TypeIndex type) {
    return type != kNoType && model_.types[type].kind == Kind::address;
  };
  const bool is_held = std::ranges::any_of(flow_.holds, [&](const HoldFact& hold) {
    if (!leads_there(hold.value, hold.low)) return false;
    const auto types = variables_.in_register(hold.gpr, hold.low, hold.high());
    return place.offset != 0 || std::ranges::any_of(types, [&](TypeIndex type) {
             return is_pointers(pointee_of(model_.types, type));
           });
  });
  const bool is_stored = std::ranges::any_of(flow_.stores, [&](const StoreFact& store) {
    return leads_there(store.value, store.after) &&
           (place.offset != 0 ||
            std::ranges::any_of(pointers_.declared_targets(store.access, store.after),
                                is_pointers));
  });
  if (is_held || is_stored) return true;
  for (const CallFact& call : flow_.calls) {
    for (int n = 0; n < 6; ++n) {
      if (!leads_there(call.arguments[static_cast<std::size_t>(n)], call.at)) continue;
      std::vector<SiteTarget> targets;
      add_argument_targets(targets, call.callee, n, true);
      if (place.offset != 0 || std::ranges::any_of(targets, [&](const SiteTarget& target) {
            return is_pointers(target.type);
          }))
        return true;
    }
  }
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
    const bool is_indexed = access.size == 8 && access.place.index != Register::none;
    if (!is_indexed || access.place.base == Register::none) continue;
    const auto targets = pointers_.targets_of(access.base, access.place.base, access.pc);
    const bool is_there = std::ranges::any_of(targets, [&](const TypedPlace& target) {
      return TypedPlace{target.type, plus(target.offset, access.place.displacement)} == place;
    });
    if (is_there) return true;
  }
  return false;
}

bool TargetFinder::is_read_blindly(const TypedPlace& place) const {
  return std::ranges::any_of(flow_.blind_reads, [&](const Access& read) {
    const auto covers = [&](std::int64_t from) {
      const bool ends_before = read.size != Operand::kManyBytes && from + read.size <= place.offset;
      return from < place.offset + 8 && !ends_before;
    };
    const std::vector<TypedPlace> places = pointers_.places_of(read, read.pc);
    const bool is_of_unknown =
        places.empty() && !read.base.is_in_frame() && read.place.base != Register::none;
    if (is_of_unknown) return covers(read.place.displacement);
    return std::ranges::any_of(places, [&](const TypedPlace& one) {
      return one.type == place.type && covers(one.offset);
    });
  });
}

// `*(char **)((char *)object + option->offset)`, `((long *)object)[i]`
bool TargetFinder::is_read_anywhere_in(TypeIndex type) const {
  // Whether an address at `displacement` from `pointer` is in the structure and, moved by steps, in no array there.
  const auto leads_anywhere = [&](const Value& pointer, Register r, std::uint64_t pc,
                                  std::int64_t displacement, std::int64_t step) {
    if (pointer.factor != 1) return false;
    const auto targets = pointers_.targets_of(pointer, r, pc);
    return std::ranges::any_of(targets, [&](const TypedPlace& target) {
      const TypedPlace first{target.type, plus(target.offset, displacement)};
      return target.type == type && !pointers_.stays_typed(first, step);
    });
  };
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& access = flow_.atoms.access_of(flow_.atoms[load]);
    const MemoryPlace& place = access.place;
    if (access.size != 8 || !place.known) continue;
    if (place.index != Register::none) {
      const std::int64_t step = times(access.index.factor, place.scale);
      const bool is_indexed =
          place.base != Register::none &&
          leads_anywhere(access.base, place.base, access.pc, place.displacement, step);
      const bool is_index =
          place.scale == 1 && leads_anywhere(access.index, place.index, access.pc,
                                             place.displacement, access.base.factor);
      if (is_indexed || is_index) return true;
    }
    const Atom& base = flow_.atoms[access.base.atom];
    if (!access.base.is_atom() || base.kind != AtomKind::sum) continue;
    const std::int64_t displacement = plus(place.displacement, access.base.addend);
    for (std::size_t side = 0; side < 2; ++side) {
      const std::span<const Value> sources = flow_.atoms.sources_of(base);
      const std::int64_t step = sources[1 - side].factor;
      if (leads_anywhere(sources[side], Register::none, access.pc, displacement, step)) return true;
    }
  }
  return false;
}

bool TargetFinder::is_declared_as_text(const Callee& callee, int n) const {
  std::vector<SiteTarget> targets;
  add_argument_targets(targets, callee, n, true);
  return !targets.empty() && std::ranges::all_of(targets, [&](const SiteTarget& target) {
    return is_character(model_.types[target.type]);
  });
}

std::optional<std::vector<TypedPlace>> TargetFinder::places_written(AtomId atom) const {
  std::vector<TypedPlace> found;
  const auto add_place = [&](const StoreFact& store) {
    if (store.access.base.is_in_frame() && is_frame_private(store.access)) return true;
    const std::vector<TypedPlace> places = pointers_.places_of(store.access, store.after);
    found.insert(found.end(), places.begin(), places.end());
    return !places.empty();
  };
  const ResultUses& uses = uses_.uses_of(atom);
  const bool all =
      std::ranges::all_of(uses.stores, [&](const auto& store) { return add_place(*store.fact); }) &&
      std::ranges::all_of(uses.stores_elsewhere,
                          [&](const auto* store) { return add_place(*store); });
  return all ? std::optional{std::move(found)} : std::nullopt;
}

// Whether only the function itself reads the eight bytes at `access`, in the frame, and what it reads there was
// followed: nobody was told the address of the variable that lies there, and it is no argument of a call, which the
// function does not read again.
bool TargetFinder::is_frame_private(const Access& access) const {
  if (access.place.index != Register::none) return false;
  const std::int64_t slot = plus(access.base.addend, access.place.displacement);
  for (AtomId load = 0; load < flow_.atoms.size(); ++load) {
    if (flow_.atoms[load].kind != AtomKind::load) continue;
    const Access& read = flow_.atoms.access_of(flow_.atoms[load]);
    if (!read.base.is_in_frame()) continue;
    const std::int64_t distance = plus(read.base.addend, read.place.displacement) - slot;
    if (read.place.index != Register::none || (distance > -8 && distance < 8)) return false;
  }
  const bool is_lent = std::ranges::any_of(flow_.frame_addresses, [&](std::int64_t address) {
    return address < slot + 8 && variables_.may_be_one_in_frame(address, slot);
  });
  // A vector register may carry it to where it is not followed, and so may a copy of as much as a register says.
  const bool is_carried = std::ranges::any_of(flow_.frame_reads, [&](const FrameBytes& read) {
    const bool ends_before = read.size != Operand::kManyBytes && read.offset + read.size <= slot;
    return read.size > 8 && read.offset < slot + 8 && !ends_before;
  });
  return !is_lent && !is_carried &&
         std::ranges::any_of(flow_.frame_reads, [&](const FrameBytes& read) {
           return read.offset < slot + 8 && read.offset + read.size > slot;
         });
}

}  // namespace allocs::meta
