// SPDX-License-Identifier: Apache-2.0
#include "meta/member_uses.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

// `client->buffer = malloc(16384)`: the function that asks does no more. What the block is for, others know:
//
//     memcpy(client->buffer + client->used, text, n)       tells nothing: any memory is copied so
//     client->buffer[client->used++] = '\n'                one byte
//     ((struct head *)client->buffer)->size                more than bytes
//
// So all functions are followed that have a variable that points to the structure, and whose code has the member's distance from the
// structure's start in some instruction (most have not). Where the member is loaded, what is loaded is followed like the result of a
// call. If there is more code to follow than is worth it, nothing is told.
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

// The innermost structure around `place`. None in a union.
std::optional<TypedPlace> innermost(const TypeGraph& graph, TypedPlace place) {
  std::optional<TypedPlace> found;
  for (int depth = 0; depth < kDeepest; ++depth) {
    if (place.type == kNoType || place.offset < 0) return std::nullopt;
    const TypeRecord& type = graph[place.type];
    if (type.size == 0) return std::nullopt;
    if (type.kind == Kind::array) {
      const std::uint64_t size = graph[type.target].size;
      if (size == 0 || size == types::kUnknownSize) return std::nullopt;
      place = {type.target, place.offset % static_cast<std::int64_t>(size)};
      continue;
    }
    if (type.kind != Kind::composite) return place.offset == 0 ? found : std::nullopt;
    if (type.detail == static_cast<std::uint8_t>(CompositeKind::union_)) return std::nullopt;
    if (type.size != types::kUnknownSize) place.offset %= static_cast<std::int64_t>(type.size);
    found = place;
    const auto members = graph.members_of(place.type);
    const auto member = std::find_if(members.begin(), members.end(), [&](const auto& one) {
      if (one.type == kNoType || !types::has_place(one)) return false;
      const auto offset = static_cast<std::uint64_t>(place.offset);
      return one.offset <= offset && offset - one.offset < graph[one.type].size;
    });
    if (member == members.end()) return std::nullopt;
    place = {member->type, place.offset - static_cast<std::int64_t>(member->offset)};
  }
  return std::nullopt;
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

void add(MemoryUse& all, const MemoryUse& one) {
  all.as_bytes = all.as_bytes || one.as_bytes;
  all.as_more = all.as_more || one.as_more;
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
  const auto member = innermost(model_.types, place);
  if (!member) return {};
  const auto [at, is_new] = answers_.try_emplace({member->type, member->offset});
  if (!is_new) return at->second;
  find_functions();
  std::vector<std::uint64_t> lows;
  std::uint64_t size = 0;
  add_functions(member->type, member->offset, lows);
  if (place.type != member->type) add_functions(place.type, place.offset, lows);
  std::sort(lows.begin(), lows.end());
  lows.erase(std::unique(lows.begin(), lows.end()), lows.end());
  for (const std::uint64_t low : lows) {
    const FunctionCode code = code_around_(low);
    size += code.high - code.low;
  }
  if (size > kMostCodeOfMember) return {};
  MemoryUse all;
  for (const std::uint64_t low : lows) {
    const Followed* function = followed(low);
    if (function == nullptr) return {};
    add(all, use_in(*function, *member));
  }
  answers_[{member->type, member->offset}] = all;
  return all;
}

void MemberUses::find_functions() {
  if (is_indexed_) return;
  is_indexed_ = true;
  for (std::uint32_t i = 0; i < model_.functions.size(); ++i) {
    for (const types::VariableRecord& variable : types::variables_of(model_, model_.functions[i])) {
      const TypeIndex type = pointee_of(model_.types, variable.type);
      if (type != kNoType && model_.types[type].kind == Kind::composite)
        functions_.emplace_back(type, i);
    }
  }
  std::sort(functions_.begin(), functions_.end());
  functions_.erase(std::unique(functions_.begin(), functions_.end()), functions_.end());
}

void MemberUses::add_functions(TypeIndex structure, std::int64_t offset,
                               std::vector<std::uint64_t>& lows) const {
  auto at = std::lower_bound(functions_.begin(), functions_.end(),
                             std::pair{structure, std::uint32_t{0}});
  for (; at != functions_.end() && at->first == structure; ++at) {
    const FunctionRecord& function = model_.functions[at->second];
    const auto code = object_.bytes_at(function.low, function.length);
    if (may_have_displacement(code, offset)) lows.push_back(function.low);
  }
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
      return innermost(model_.types, place) == member;
    });
    if (!is_it) continue;
    add(all, function.targets->memory_use(load));
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
