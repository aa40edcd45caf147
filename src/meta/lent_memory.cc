// SPDX-License-Identifier: Apache-2.0
#include "meta/lent_memory.h"

#include <algorithm>
#include <limits>

#include "meta/library_memory.h"

// `struct parser parser = { reply, on_text, on_number }; parse(&parser);`: the block is in the frame, where others find it.
//
// The variable's address is followed from the function that has the variable, its owner, into all that are given it, as far as it only goes into registers,
// private slots of the frame and arguments. So it is known who reads the pointer, and what is read there is followed like a call's result:
//
//     parse(&parser)                               is followed into parse, as the address of what lies 0 bytes further on
//     text = p->text;                              in there: the pointer
//     p->text = text + 2;                          is where it was
//     all = p;                                     the address is kept: lost
//     p->on_text(text);                            one of the functions that the owner itself has put into the variable
//     n = writev(1, vector, 2)                     reads bytes
//
// Functions in the variable are those whose addresses the owner writes there, be it by way of vector registers, if it writes nothing else there,
// and none of the others writes there. Where a pointer calls that lies elsewhere, its type tells which functions of this object it may lead to;
// what other objects put there is not known, but that of iovecs nothing but their bytes is read.
namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::TypeIndex;

namespace {

constexpr std::size_t kMostFunctions = 64;
constexpr std::int64_t kPointer = 8;  // bytes
constexpr std::int64_t kAnywhere = std::int64_t{1} << 40;

bool is_io_vector(const types::ObjectModel& model, TypeIndex function, int n) {
  if (function == kNoType) return false;
  const auto arguments = model.types.members_of(function);
  if (static_cast<std::size_t>(n) >= arguments.size()) return false;
  const TypeIndex pointee = pointee_of(model.types, arguments[static_cast<std::size_t>(n)].type);
  if (pointee == kNoType) return false;
  const types::TypeRecord& type = model.types[pointee];
  return type.kind == Kind::composite && model.strings[type.name] == "iovec" &&
         type.size == 2 * kPointer;
}

}  // namespace

MemoryUse MemberUses::LentMemory::find() {
  // What lies in no variable may be an argument of a call.
  if (!owner_.targets->variables().extent_in_frame(slot_)) return MemoryUse::lost();
  View view{&owner_, {{kFrameAddress, at(-slot_)}}};
  MemoryUse all = look(view);
  const bool are_replaced = std::ranges::any_of(relied_on_, [&](std::int64_t at) {
    return std::ranges::any_of(written_, [&](const auto& range) {
      return range.first < at + kPointer && at < range.second;
    });
  });
  if (are_replaced) all.add(MemoryUse::lost());
  all.as_bytes = all.at_number = false;
  return all;
}

MemoryUse MemberUses::LentMemory::look(View& view) {
  const FunctionFlow& flow = view.function->flow;
  find_derived(view);

  if (!flow.is_complete || is_kept(view)) return MemoryUse::lost();
  note_writes(view);
  MemoryUse all = use_of_loads(view);

  all.add(use_by_callees(view));

  return all;
}

// Whether the value leads into the variable, and where.
std::optional<MemberUses::LentMemory::Distance> MemberUses::LentMemory::distance_of(
    const View& view, const Value& value) const {
  if (value.factor != 1) return std::nullopt;
  const auto found = view.reach.find(value.atom);
  if (found == view.reach.end()) return std::nullopt;
  const bool is_elsewhere =
      value.is_in_frame() &&
      !view.function->targets->variables().may_be_one_in_frame(value.addend, slot_);
  if (is_elsewhere) return std::nullopt;
  return found->second.is_known ? at(plus(found->second.bytes, value.addend)) : somewhere();
}

std::optional<MemberUses::LentMemory::Distance> MemberUses::LentMemory::distance_of(
    const View& view, const Access& access) const {
  const MemoryPlace& place = access.place;
  const bool is_indexed = place.index != Register::none;
  if (access.base.is_in_frame() && view.reach.contains(kFrameAddress)) {
    if (is_indexed) return somewhere();
    return at(plus(access.base.addend, place.displacement) - slot_);
  }
  if (is_indexed && distance_of(view, access.index)) return somewhere();
  if (place.base == Register::none) return std::nullopt;
  const std::optional<Distance> base = distance_of(view, access.base);
  if (!base) return std::nullopt;
  return base->is_known && !is_indexed ? at(plus(base->bytes, place.displacement)) : somewhere();
}

void MemberUses::LentMemory::find_derived(View& view) const {
  const AtomTable& atoms = view.function->flow.atoms;
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (AtomId id = 0; id < atoms.size(); ++id) {
      const AtomKind kind = atoms[id].kind;
      const bool is_choice = kind == AtomKind::choice;
      if (!is_choice && kind != AtomKind::sum && kind != AtomKind::opaque) continue;
      for (const Value& source : atoms[id].sources) {
        const auto distance = distance_of(view, source);
        if (!distance) continue;
        const auto [at, is_new] = view.reach.try_emplace(id, is_choice ? *distance : somewhere());
        const bool differs = !is_new && at->second.is_known && at->second != *distance;
        if (differs) at->second = somewhere();
        has_changed = has_changed || is_new || differs;
      }
    }
  }
}

// Whether an address in the variable goes where it is not followed.
bool MemberUses::LentMemory::is_kept(const View& view) const {
  const FunctionFlow& flow = view.function->flow;
  const TargetFinder& targets = *view.function->targets;
  const auto leads_there = [&](const Value& value) { return distance_of(view, value).has_value(); };
  const auto is_stored = [&](const StoreFact& store) {
    const bool is_private =
        store.access.base.is_in_frame() && targets.is_frame_private(store.access);
    return leads_there(store.value) && !is_private;
  };
  const bool escapes = std::ranges::any_of(flow.escapes, leads_there) ||
                       std::ranges::any_of(flow.cut_sources, leads_there) ||
                       std::ranges::any_of(flow.frame_address_escapes, [&](std::int64_t address) {
                         return leads_there(Value::in_frame(address));
                       });
  const bool is_returned =
      targets.may_return_address() && (std::ranges::any_of(flow.returns, leads_there) ||
                                       std::ranges::any_of(flow.second_returns, leads_there));
  return escapes || is_returned || std::ranges::any_of(flow.stores, is_stored) ||
         std::ranges::any_of(flow.frame_address_stores, is_stored);
}

MemoryUse MemberUses::LentMemory::use_of_loads(View& view) {
  const FunctionFlow& flow = view.function->flow;
  MemoryUse all;
  const auto overlaps = [](const Distance& distance, std::int64_t size) {
    return !distance.is_known || (distance.bytes < kPointer && distance.bytes + size > 0);
  };
  for (const auto& [read, size] : flow.blind_reads) {
    const auto distance = distance_of(view, read);
    if (distance && overlaps(*distance, size)) return MemoryUse::lost();
  }
  const View* const outer = std::exchange(view_, &view);
  const IsKept is_where_it_was = [&](const StoreFact& store) {
    return distance_of(view, store.access) == at(0);
  };
  for (AtomId load = 0; load < flow.atoms.size(); ++load) {
    if (flow.atoms[load].kind != AtomKind::load) continue;
    const Access& access = flow.atoms.access_of(flow.atoms[load]);
    const auto distance = distance_of(view, access);
    if (!distance || !overlaps(*distance, access.size)) continue;
    const bool is_whole = access.size == kPointer && (!distance->is_known || distance->bytes == 0);
    MemoryUse use = is_whole ? uses_.of_value(*view.function, load, {}, is_where_it_was, this)
                             : MemoryUse::lost();

    if (use.is_given_back) use.add(MemoryUse::lost());
    all.add(use);
    if (all.is_lost || all.as_more) break;
  }
  view_ = outer;
  return all;
}

MemoryUse MemberUses::LentMemory::use_by_callees(View& view) {
  MemoryUse all;
  for (const CallFact& call : view.function->flow.calls) {
    for (int n = 0; n < 6; ++n) {
      if (all.is_lost || all.as_more) return all;
      const auto distance = distance_of(view, call.arguments[static_cast<std::size_t>(n)]);
      if (!distance || view.function->targets->is_not_passed(call.callee, n)) continue;
      all.add(lend(view, call, n, *distance));
    }
  }
  return all;
}

MemoryUse MemberUses::LentMemory::lend(View& view, const CallFact& call, int n, Distance distance) {
  if (call.callee.may_be_another) return MemoryUse::lost();
  if (call.callee.address != 0) return lend_to(call.callee.address, n, distance);
  if (call.callee.known())
    return takes_io_vectors(call.callee, n) ? MemoryUse{} : MemoryUse::lost();
  MemoryUse all;
  const View* const outer = std::exchange(view_, &view);
  const auto own = callees_of(call);
  view_ = outer;
  if (own) {
    for (const std::uint64_t callee : *own) all.add(lend_to(callee, n, distance));
    return all;
  }
  const std::vector<CalledType> called = view.function->targets->called_types(call);
  if (called.empty()) return MemoryUse::lost();
  for (const CalledType& one : called) {
    if (!uses_.callees_.is_passed(one.function, n)) continue;
    if (!is_io_vector(uses_.model_, one.function, n)) return MemoryUse::lost();
    for (const std::uint64_t callee : uses_.callees_.of_type(one.function))
      all.add(lend_to(callee, n, distance));
  }
  return all;
}

MemoryUse MemberUses::LentMemory::lend_to(std::uint64_t callee, int n, Distance distance) {
  const types::FunctionRecord* record = types::function_at(uses_.model_, callee);
  const bool is_passed =
      record == nullptr || record->low != callee || uses_.callees_.is_passed(record->type, n);
  if (!is_passed) return {};
  if (!seen_.insert({callee, n, distance}).second) return {};  // what it does is counted there
  if (seen_.size() > kMostFunctions) return MemoryUse::lost();
  const Followed* function = uses_.followed(callee);
  if (function == nullptr || function->flow.low != callee) return MemoryUse::lost();
  const AtomTable& atoms = function->flow.atoms;
  for (AtomId atom = 0; atom < atoms.size(); ++atom) {
    const bool is_argument = atoms[atom].kind == AtomKind::entry &&
                             atoms[atom].where == static_cast<std::int64_t>(kArgumentRegisters[n]);
    if (!is_argument) continue;
    View view{function, {{atom, distance}}};
    return look(view);
  }
  return MemoryUse::lost();
}

void MemberUses::LentMemory::note_writes(const View& view) {
  for (const UseFact& use : view.function->flow.uses) {
    const auto distance = distance_of(view, use.address);
    if (!use.is_write || !distance) continue;
    if (!distance->is_known || !use.distance) {
      written_.emplace_back(-kAnywhere, kAnywhere);
    } else {
      const std::int64_t low = plus(distance->bytes, *use.distance);
      written_.emplace_back(low, low + std::max<std::int64_t>(use.size, 1));
    }
  }
}

std::optional<std::vector<std::uint64_t>> MemberUses::LentMemory::callees_of(const CallFact& call) {
  if (view_ == nullptr || !call.pointer || call.pointer->size != kPointer) return std::nullopt;
  const auto distance = distance_of(*view_, *call.pointer);
  if (!distance || !distance->is_known || !are_functions_known_at(distance->bytes))
    return std::nullopt;
  const std::vector<CalledType> called = view_->function->targets->called_types(call);
  const auto may_be_it = [&](TypeIndex function) {
    return called.empty() || std::ranges::any_of(called, [&](const CalledType& one) {
             return uses_.callees_.are_passed_alike(function, one.function);
           });
  };
  std::vector<std::uint64_t> found;
  const auto add = [&](const Value& value) {
    const auto address = static_cast<std::uint64_t>(value.addend);
    const types::FunctionRecord* function = types::function_at(uses_.model_, address);
    const bool is_new = std::ranges::find(found, address) == found.end();
    if (function != nullptr && function->low == address && is_new && may_be_it(function->type))
      found.push_back(address);
  };
  for (const FrameWrite& write : owner_.flow.frame_writes) {
    if (write.value && write.offset == slot_ + distance->bytes) add(*write.value);
  }
  for (const Value& value : owner_.flow.vector_values) add(value);
  if (found.empty()) return std::nullopt;
  relied_on_.insert(distance->bytes);
  return found;
}

// Whether the owner writes nothing there but constants, in the variable that the pointer lies in.
bool MemberUses::LentMemory::are_functions_known_at(std::int64_t distance) const {
  const FunctionFlow& flow = owner_.flow;
  const std::int64_t at = slot_ + distance;
  const auto extent = owner_.targets->variables().extent_in_frame(slot_);
  if (!extent || at < extent->low || at + kPointer > extent->high) return false;
  const bool are_vectors_known =
      !flow.has_vector_loads && std::ranges::all_of(flow.vector_values, [](const Value& value) {
        return value.is_constant();
      });
  return std::ranges::all_of(flow.frame_writes, [&](const FrameWrite& write) {
    if (write.size == 0) return false;
    if (write.offset >= at + kPointer || write.offset + write.size <= at) return true;
    return write.value ? write.value->is_constant() : are_vectors_known;
  });
}

}  // namespace allocs::meta
