// SPDX-License-Identifier: Apache-2.0
#include "meta/member_uses.h"

#include <algorithm>
#include <array>
#include <utility>

#include "meta/lent_memory.h"
#include "meta/member_search.h"

// `client->buffer = malloc(16384)`: the function that asks does no more. What the block is for, others know:
//
//     memcpy(client->buffer + client->used, text, n)       tells nothing: any memory is copied so
//     client->buffer[client->used++] = '\n'                one byte
//     ((struct head *)client->buffer)->size                more than bytes
//     give_back(client->buffer)                            what give_back does with its argument
//     put(&client->buffer)                                 not followed: put may do anything with what it finds there
//
// What a callee gives back is the same memory. A pointer to a function leads to all functions that it may, by its type.
//
// So all functions are followed whose code has the member's distance from the structure's start in some
// instruction (most have not), or that have such a structure in a variable. Where the member is loaded, what is
// loaded is followed like the result of a call. If that is more code than is worth it, if there are ways through it
// that are not known, or if the structure lies in others, in arrays or in static variables, nothing is told.
// Structures that begin alike may be one and the same memory: what is done with the member of one speaks against the
// other. So does what is loaded at the member's distance from an address that nothing says the type of.
namespace allocs::meta {

using types::CompositeKind;
using types::FunctionRecord;
using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::TypeGraph;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr std::uint64_t kMostCodeOfMember = 256u << 10;  // bytes
constexpr std::uint64_t kMostCode = 1u << 20;            // of all members
constexpr int kDeepest = 12;
constexpr int kDeepestCall = 40;  // calls that are followed into what they call
constexpr int kMostSearches = 1 << 14;

// The pointer that is a member of a structure, itself in nothing else, and begins at `place`.
std::optional<TypedPlace> member_at(const TypeGraph& graph, const TypedPlace& place) {
  if (place.type == kNoType) return std::nullopt;
  const TypeRecord& type = graph[place.type];
  const bool is_structure = type.kind == Kind::composite && type.size != types::kUnknownSize &&
                            type.detail != static_cast<std::uint8_t>(CompositeKind::union_);
  if (!is_structure || type.size == 0) return std::nullopt;
  const auto size = static_cast<std::int64_t>(type.size);
  const auto offset = static_cast<std::uint64_t>((place.offset % size + size) % size);
  const bool is_there = std::ranges::any_of(graph.members_of(place.type), [&](const auto& one) {
    return one.type != kNoType && types::has_place(one) && one.offset == offset &&
           graph[one.type].kind == Kind::address;
  });
  if (!is_there) return std::nullopt;
  return TypedPlace{place.type, static_cast<std::int64_t>(offset)};
}

const MemberRecord* member_with_place(const TypeGraph& graph, TypeIndex type, std::int64_t offset) {
  for (const MemberRecord& one : graph.members_of(type)) {
    const bool is_it = one.type != kNoType && types::has_place(one) &&
                       one.offset == static_cast<std::uint64_t>(offset);
    if (is_it) return &one;
  }
  return nullptr;
}

// Whether what lies in front of `offset` looks the same in both.
bool begin_alike(const TypeGraph& graph, TypeIndex a, TypeIndex b, std::int64_t offset) {
  const auto in_front = [&](TypeIndex type) {
    std::vector<std::array<std::uint64_t, 3>> all;
    for (const MemberRecord& one : graph.members_of(type)) {
      if (one.type == kNoType || one.offset >= static_cast<std::uint64_t>(offset)) continue;
      const TypeRecord& record = graph[one.type];
      all.push_back({one.offset, record.size, static_cast<std::uint64_t>(record.kind)});
    }
    return all;
  };
  return in_front(a) == in_front(b);
}

}  // namespace

MemberUses::MemberUses(const ElfFile& object, const types::ObjectModel& model,
                       const TypedStatics& statics, const ComputedPointers& computed,
                       const VirtualTables& virtual_tables, const ReadingMembers& reading_members,
                       PossibleCallees callees, CodeAround code_around, Follow follow)
    : model_(model),
      statics_(statics),
      computed_(computed),
      virtual_tables_(virtual_tables),
      reading_members_(reading_members),
      callees_(std::move(callees)),
      code_around_(std::move(code_around)),
      follow_(std::move(follow)),
      distances_(object),
      shallowest_open_(Search::kNoneOpen) {}
MemberUses::~MemberUses() = default;

MemoryUse MemberUses::of(const TypedPlace& place) {
  const auto member = member_at(model_.types, place);
  find_embedded();
  // A member of what lies in something else is reached by other distances, too.
  if (!member || embedded_.contains(member->type) || is_too_deep()) return MemoryUse::lost();
  const std::pair key{member->type, member->offset};
  const auto [at, is_new] = answers_.try_emplace(key, Answer{MemoryUse::lost(), depth_});
  if (!is_new) return at->second.use;
  Search search{*this};
  return search.keep(answers_, key, look_at(*member));
}

MemoryUse MemberUses::look_at(const TypedPlace& member) {
  const Watched what = watched(member);
  const auto size_of_structure = static_cast<std::int64_t>(model_.types[member.type].size);
  std::vector<std::uint64_t> lows;
  std::uint64_t size = 0;
  for (const FunctionRecord& function : model_.functions) {
    const bool may_reach =
        std::ranges::any_of(what.row,
                            [&](std::int64_t offset) {
                              // `end[-1].member` as well.
                              return distances_.may_reach(function, offset) ||
                                     distances_.may_reach(function, offset - size_of_structure);
                            }) ||
        std::ranges::any_of(types::variables_of(model_, function), [&](const auto& variable) {
          return is_of_structure(variable.type, what);
        });
    if (!may_reach) continue;
    lows.push_back(function.low);
    size += function.length;
    if (size > kMostCodeOfMember) return MemoryUse::lost();
  }
  MemoryUse all;
  for (const std::uint64_t low : lows) {
    if (all.as_more || all.is_lost) break;
    const Followed* function = followed(low);
    if (function == nullptr) return MemoryUse::lost();
    all.add(use_in(*function, what));
    if (!function->flow.is_complete) all.add(MemoryUse::lost());
  }
  return all;
}

// That structure, or one that begins alike.
bool MemberUses::is_of_structure(TypeIndex type, const Watched& what) {
  return type == what.member.type || std::ranges::find(what.twins, type) != what.twins.end();
}

MemberUses::Watched MemberUses::watched(const TypedPlace& member) const {
  const TypeGraph& graph = model_.types;
  Watched what{.member = member, .row = {member.offset}};
  const auto is_pointer = [&](std::int64_t offset) {
    const MemberRecord* one = member_with_place(graph, member.type, offset);
    return one != nullptr && graph[one->type].kind == Kind::address;
  };
  for (std::int64_t at = member.offset - 8; at >= 0 && is_pointer(at); at -= 8)
    what.row.push_back(at);
  const MemberRecord* itself = member_with_place(graph, member.type, member.offset);
  for (TypeIndex other = 0; other < graph.size(); ++other) {
    if (graph[other].kind != Kind::composite || other == member.type) continue;
    const MemberRecord* one = member_with_place(graph, other, member.offset);
    const bool is_twin = one != nullptr && one->name == itself->name &&
                         graph[one->type].kind == Kind::address &&
                         begin_alike(graph, member.type, other, member.offset);
    if (is_twin) what.twins.push_back(other);
  }
  return what;
}

void MemberUses::find_embedded() {
  if (std::exchange(has_embedded_, true)) return;
  const auto add = [&](TypeIndex type) {
    for (int depth = 0; type != kNoType && depth < kDeepest; ++depth) {
      const TypeRecord& record = model_.types[type];
      if (record.kind == Kind::composite) embedded_.insert(type);
      if (record.kind != Kind::array) return;
      type = record.target;
    }
  };
  for (TypeIndex type = 0; type < model_.types.size(); ++type) {
    const TypeRecord& record = model_.types[type];
    if (record.kind == Kind::array) add(record.target);
    if (record.kind != Kind::composite) continue;
    for (const auto& one : model_.types.members_of(type)) add(one.type);
  }
  for (const types::StaticRecord& one : model_.statics) add(one.type);
}

const MemberUses::Followed* MemberUses::followed(std::uint64_t low) {
  std::unique_ptr<Followed>& one = followed_[low];
  if (one != nullptr) return one.get();
  const FunctionCode code = code_around_(low);
  const std::uint64_t size = code.high - code.low;
  if (size == 0 || code_followed_ + size > kMostCode) return nullptr;
  code_followed_ += size;
  one = std::make_unique<Followed>();
  one->flow = follow_(code);
  one->targets = std::make_unique<TargetFinder>(model_, statics_, computed_, virtual_tables_,
                                                types::function_at(model_, low), one->flow);
  return one.get();
}

MemoryUse MemberUses::use_in(const Followed& function, const Watched& what) {
  MemoryUse all;
  const AtomTable& atoms = function.flow.atoms;
  for (AtomId load = 0; load < atoms.size(); ++load) {
    if (atoms[load].kind != AtomKind::load || atoms.access_of(atoms[load]).size != 8) continue;
    const Access& access = atoms.access_of(atoms[load]);
    const std::vector<TypedPlace> places = function.targets->places_read(load);
    bool is_it = false;
    // Of an address that no variable says the type of (`((struct client *)any)->reply`) the distance has to do.
    bool may_be = places.empty() && !access.base.is_in_frame() &&
                  access.place.base != Register::none &&
                  access.place.displacement == what.member.offset;
    for (const TypedPlace& place : places) {
      const auto member = member_at(model_.types, place);
      is_it = is_it || member == what.member;
      may_be = may_be || (member && member->offset == what.member.offset &&
                          is_of_structure(member->type, what));
    }
    if (!is_it && !may_be) continue;
    MemoryUse use = of_value(function, load, what.member);
    if (use.is_given_back) use.add(MemoryUse::lost());
    use.as_bytes = use.as_bytes && is_it;
    all.add(use);
  }
  const bool is_reached_otherwise = std::ranges::any_of(what.row, [&](std::int64_t offset) {
    return function.targets->is_address_handed_on({what.member.type, offset});
  });
  if (is_reached_otherwise || function.targets->is_read_blindly(what.member))
    all.add(MemoryUse::lost());
  return all;
}

MemoryUse MemberUses::of_value(const Followed& function, AtomId atom,
                               const std::optional<TypedPlace>& kept_in, const IsKept& is_kept,
                               LentMemory* lent) {
  LentMemory* const outer = std::exchange(lent_, lent);
  MemoryUse all;
  std::vector<AtomId> same{atom};  // and what callees give back of it
  for (std::size_t i = 0; i < same.size(); ++i)
    all.add(of_one_value(function, same[i], kept_in, is_kept, same));
  lent_ = outer;
  return all;
}

MemoryUse MemberUses::of_one_value(const Followed& function, AtomId atom,
                                   const std::optional<TypedPlace>& kept_in, const IsKept& is_kept,
                                   std::vector<AtomId>& same) {
  const auto is_more = [&](TypeIndex type) { return !is_character(model_.types[type]); };
  bool is_given_back = function.targets->is_returned(atom);
  MemoryUse all = function.targets->memory_use(atom, [&](const CallFact& call, int n) {
    MemoryUse use = by_callee(*function.targets, call, n);
    const bool is_result = std::exchange(use.is_given_back, false);
    const bool is_jump = call.return_address == 0;
    is_given_back =
        is_given_back || (is_result && is_jump && function.targets->may_return_address());
    const bool is_new = std::ranges::find(same, call.result) == same.end();
    if (is_result && !is_jump && is_new) same.push_back(call.result);
    return use;
  });
  all.is_given_back = is_given_back;
  const std::vector<SiteTarget> targets = function.targets->targets_of(atom);
  const std::vector<TypeIndex> elsewhere = function.targets->targets_elsewhere(atom);
  all.as_more = all.as_more || std::any_of(elsewhere.begin(), elsewhere.end(), is_more) ||
                std::any_of(targets.begin(), targets.end(), [&](const SiteTarget& target) {
                  return target.is_direct && is_more(target.type);
                });

  if (!all.as_more && !all.is_lost) all.add(of_places(function, atom, kept_in, is_kept));
  return all;
}

// Of what is found where the pointer is kept.
MemoryUse MemberUses::of_places(const Followed& function, AtomId atom,
                                const std::optional<TypedPlace>& kept_in, const IsKept& is_kept) {
  std::set<std::int64_t> lent;
  const auto is_followed = [&](const StoreFact& store) {
    if (is_kept && is_kept(store)) return true;
    const bool is_in_frame =
        store.access.base.is_in_frame() && store.access.place.index == Register::none;
    if (is_in_frame) lent.insert(plus(store.access.base.addend, store.access.place.displacement));
    return is_in_frame;
  };
  const auto places = function.targets->places_written(atom, is_followed);
  MemoryUse all;
  if (!places) all.add(MemoryUse::lost());
  for (const TypedPlace& place : places.value_or(std::vector<TypedPlace>{})) {
    if (all.as_more || all.is_lost) break;
    const bool is_there = kept_in && member_at(model_.types, place) == kept_in;
    if (is_there) continue;
    MemoryUse there = of(place);
    there.as_bytes = false;  // that may be said of other blocks
    all.add(there);
  }
  for (const std::int64_t slot : lent) {
    if (all.as_more || all.is_lost) break;
    if (is_too_deep()) return MemoryUse::lost();
    ++searches_;
    ++depth_;

    all.add(LentMemory{*this, function, slot}.find());

    --depth_;
  }
  return all;
}

MemoryUse MemberUses::by_callee(const TargetFinder& targets, const CallFact& call, int n) {
  if (call.callee.may_be_another) return MemoryUse::lost();
  if (call.callee.address != 0) return of_argument(call.callee.address, n);
  if (!call.callee.known()) return by_pointer(targets, call, n);

  return {.is_hidden = true};  // another object's
}

MemoryUse MemberUses::by_pointer(const TargetFinder& targets, const CallFact& call, int n) {
  const auto own = lent_ == nullptr ? std::nullopt : lent_->callees_of(call);
  if (own) {
    MemoryUse all;
    for (const std::uint64_t callee : *own) {
      const bool is_passed = callees_.is_passed(types::function_at(model_, callee)->type, n);

      if (is_passed) all.add(of_argument(callee, n));
    }
    return all;
  }
  const std::vector<CalledType> called = targets.called_types(call);
  MemoryUse all{.is_hidden = called.empty()};
  for (const CalledType& one : called) {
    if (!callees_.is_passed(one.function, n)) continue;
    const TypedPlace& member = one.member;
    // What other objects put there does what its type says.
    const bool only_reads = reading_members_.only_reads(member.type, member.offset, n);
    all.is_hidden = all.is_hidden || !only_reads;
    all.is_given_back =
        all.is_given_back || reading_members_.may_return_address(member.type, member.offset);
    for (const std::uint64_t callee : callees_.of_type(one.function)) {
      if (all.is_hidden) break;

      all.add(of_argument(callee, n));
    }
  }
  return all;
}

bool MemberUses::is_too_deep() const {
  return depth_ >= kDeepestCall || searches_ >= kMostSearches;
}

MemoryUse MemberUses::of_argument(std::uint64_t low, int n) {
  const std::pair key{low, n};
  const auto found = of_arguments_.find(key);
  if (found != of_arguments_.end() && !found->second.is_open) return found->second.use;
  if (found != of_arguments_.end()) {
    // It calls itself: what it does there is what it does here, and it may give back what it was given.
    shallowest_open_ = std::min(shallowest_open_, found->second.depth);
    return {.is_given_back = true};
  }
  if (is_too_deep()) return MemoryUse::lost();
  of_arguments_[key] = {{}, depth_};
  Search search{*this};
  return search.keep(of_arguments_, key, look_at_argument(low, n));
}

MemoryUse MemberUses::look_at_argument(std::uint64_t low, int n) {
  const Followed* function = followed(low);
  if (function == nullptr || function->flow.low != low || !function->flow.is_complete)
    return MemoryUse::lost();
  const AtomTable& atoms = function->flow.atoms;
  const auto wanted = static_cast<std::int64_t>(kArgumentRegisters[n]);
  for (AtomId atom = 0; atom < atoms.size(); ++atom) {
    if (atoms[atom].kind != AtomKind::entry || atoms[atom].where != wanted) continue;
    MemoryUse use = of_value(*function, atom);
    use.is_hidden = use.is_hidden || use.at_number;
    use.as_bytes = use.at_number = false;
    return use;
  }
  return MemoryUse::lost();
}

}  // namespace allocs::meta
