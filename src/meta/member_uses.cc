// SPDX-License-Identifier: Apache-2.0
#include "meta/member_uses.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

// `client->buffer = malloc(16384)`: the function that asks does no more. What the block is for, others know:
//
//     memcpy(client->buffer + client->used, text, n)       tells nothing: any memory is copied so
//     client->buffer[client->used++] = '\n'                one byte
//     ((struct head *)client->buffer)->size                more than bytes
//
// So all functions are followed whose code has the member's distance from the structure's start in some instruction (most have not). Where
// the member is loaded, what is loaded is followed like the result of a call. If that is more code than is worth it, if there are ways
// through it that are not known, or if the structure lies in others, in arrays or in static variables, nothing is told.
namespace allocs::meta {

using types::CompositeKind;
using types::FunctionRecord;
using types::Kind;
using types::kNoType;
using types::TypeGraph;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr std::uint64_t kMostCodeOfMember = 256u << 10;  // bytes
constexpr std::uint64_t kMostCode = 1u << 20;            // of all members
constexpr int kDeepest = 12;

// The pointer that is a member of a structure, itself in nothing else, and begins at `place`.
std::optional<TypedPlace> member_at(const TypeGraph& graph, const TypedPlace& place) {
  if (place.type == kNoType || place.offset < 0) return std::nullopt;
  const TypeRecord& type = graph[place.type];
  const bool is_structure = type.kind == Kind::composite && type.size != types::kUnknownSize &&
                            type.detail != static_cast<std::uint8_t>(CompositeKind::union_);
  if (!is_structure || type.size == 0) return std::nullopt;
  const std::uint64_t offset = static_cast<std::uint64_t>(place.offset) % type.size;
  const bool is_there = std::ranges::any_of(graph.members_of(place.type), [&](const auto& one) {
    return one.type != kNoType && types::has_place(one) && one.offset == offset &&
           graph[one.type].kind == Kind::address;
  });
  if (!is_there) return std::nullopt;
  return TypedPlace{place.type, static_cast<std::int64_t>(offset)};
}

// Whether the bytes of some instruction may have the displacement.
bool may_have_displacement(std::span<const std::byte> code, std::int64_t displacement) {
  if (displacement == 0) return true;  // it is left out
  std::array<std::byte, 4> wide{};
  const auto number = static_cast<std::int32_t>(displacement);
  std::memcpy(wide.data(), &number, sizeof number);
  const bool is_short = displacement <= std::numeric_limits<std::int8_t>::max();
  const std::span<const std::byte> wanted = std::span{wide}.first(is_short ? 1 : 4);
  return std::search(code.begin(), code.end(), wanted.begin(), wanted.end()) != code.end();
}

}  // namespace

struct MemberUses::Followed {
  FunctionFlow flow;
  std::unique_ptr<TargetFinder> targets;
};

MemberUses::MemberUses(const ElfFile& object, const types::ObjectModel& model,
                       const TypedStatics& statics, const VirtualTables& virtual_tables,
                       CodeAround code_around, Follow follow)
    : object_(object),
      model_(model),
      statics_(statics),
      virtual_tables_(virtual_tables),
      code_around_(std::move(code_around)),
      follow_(std::move(follow)) {}
MemberUses::~MemberUses() = default;

MemoryUse MemberUses::of(const TypedPlace& place) {
  constexpr MemoryUse kHidden{.is_hidden = true};
  const auto member = member_at(model_.types, place);
  find_embedded();
  // A member of what lies in something else is reached by other distances, too.
  if (!member || embedded_.contains(member->type)) return kHidden;
  const auto [at, is_new] = answers_.try_emplace({member->type, member->offset}, kHidden);
  if (is_new) at->second = look_at(*member);
  return at->second;
}

MemoryUse MemberUses::look_at(const TypedPlace& member) {
  constexpr MemoryUse kHidden{.is_hidden = true};
  std::vector<std::uint64_t> lows;
  std::uint64_t size = 0;
  for (const FunctionRecord& function : model_.functions) {
    const auto code = object_.bytes_at(function.low, function.length);
    if (!may_have_displacement(code, member.offset)) continue;
    lows.push_back(function.low);
    size += function.length;
    if (size > kMostCodeOfMember) return kHidden;
  }
  MemoryUse all;
  for (const std::uint64_t low : lows) {
    const Followed* function = followed(low);
    if (function == nullptr) return kHidden;
    all.add(use_in(*function, member));
    if (!function->flow.is_complete) all.is_hidden = true;
  }
  return all;
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
  code_followed_ += code.high - code.low;
  if (code_followed_ > kMostCode || code.low == code.high) return nullptr;
  one = std::make_unique<Followed>();
  one->flow = follow_(code);
  one->targets = std::make_unique<TargetFinder>(model_, statics_, virtual_tables_,
                                                types::function_at(model_, low), one->flow);
  return one.get();
}

MemoryUse MemberUses::use_in(const Followed& function, const TypedPlace& member) const {
  MemoryUse all;
  const AtomTable& atoms = function.flow.atoms;
  const auto is_more = [&](TypeIndex type) { return !is_character(model_.types[type]); };
  for (AtomId load = 0; load < atoms.size(); ++load) {
    if (atoms[load].kind != AtomKind::load || atoms.access_of(atoms[load]).size != 8) continue;
    const std::vector<TypedPlace> places = function.targets->places_read(load);
    const bool is_it = std::any_of(places.begin(), places.end(), [&](const TypedPlace& place) {
      return member_at(model_.types, place) == member;
    });
    if (!is_it) continue;
    all.add(function.targets->memory_use(load));
    const auto places_of_it = function.targets->places_written(load);
    // Kept in the same member again is where it was; anywhere else is not followed.
    if (!places_of_it || std::ranges::any_of(*places_of_it, [&](const TypedPlace& place) {
          return member_at(model_.types, place) != member;
        }))
      all.is_hidden = true;
    const std::vector<SiteTarget> targets = function.targets->targets_of(load);
    const std::vector<TypeIndex> elsewhere = function.targets->targets_elsewhere(load);
    all.as_more = all.as_more || std::any_of(elsewhere.begin(), elsewhere.end(), is_more) ||
                  std::any_of(targets.begin(), targets.end(), [&](const SiteTarget& target) {
                    return target.is_direct && is_more(target.type);
                  });
  }
  return all;
}

}  // namespace allocs::meta
