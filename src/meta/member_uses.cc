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
//     give_back(client->buffer)                            what give_back does with its argument
//     put(&client->buffer)                                 not followed: put may do anything with what it finds there
//     client->put(client->buffer)                          nor is what a pointer leads to
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
constexpr int kDeepestCall = 40;        // calls that are followed into what they call
constexpr std::int64_t kLastInRow = 3;  // of structures in a row, the last that is looked for

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

// Whether the bytes of some instruction may have the displacement.
bool may_have_displacement(std::span<const std::byte> code, std::int64_t displacement) {
  if (displacement == 0) return true;  // nothing is written where there is none
  std::array<std::byte, 4> wide{};
  const auto number = static_cast<std::int32_t>(displacement);
  std::memcpy(wide.data(), &number, sizeof number);
  const bool is_short = displacement <= std::numeric_limits<std::int8_t>::max() &&
                        displacement >= std::numeric_limits<std::int8_t>::min();
  const std::span<const std::byte> wanted = std::span{wide}.first(is_short ? 1 : 4);
  return std::search(code.begin(), code.end(), wanted.begin(), wanted.end()) != code.end();
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

// Whether so far from a structure another one may lie in a row, of which compilers make one number.
bool is_in_row(std::int64_t distance, std::int64_t size) {
  return distance >= 0 && distance <= kLastInRow * size && distance % size == 0;
}

}  // namespace

struct MemberUses::Deeper {
  explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  int& depth_;
};

struct MemberUses::Followed {
  FunctionFlow flow;
  std::unique_ptr<TargetFinder> targets;
};

MemberUses::MemberUses(const ElfFile& object, const types::ObjectModel& model,
                       const TypedStatics& statics, const OptimisedPointers& optimised,
                       const VirtualTables& virtual_tables, CodeAround code_around, Follow follow)
    : object_(object),
      model_(model),
      statics_(statics),
      optimised_(optimised),
      virtual_tables_(virtual_tables),
      code_around_(std::move(code_around)),
      follow_(std::move(follow)) {}
MemberUses::~MemberUses() = default;

MemoryUse MemberUses::of(const TypedPlace& place) {
  const auto member = member_at(model_.types, place);
  find_embedded();
  // A member of what lies in something else is reached by other distances, too.
  if (!member || embedded_.contains(member->type) || depth_ >= kDeepestCall)
    return MemoryUse::lost();
  const auto [at, is_new] = answers_.try_emplace({member->type, member->offset}, MemoryUse::lost());
  if (!is_new) return at->second;
  const Deeper deeper{depth_};
  return at->second = look_at(*member);
}

MemoryUse MemberUses::look_at(const TypedPlace& member) {
  const Watched what = watched(member);
  std::vector<std::int64_t> distances;
  for (const std::int64_t offset : what.row) {
    const std::vector<std::int64_t> more = distances_to(what, offset);
    distances.insert(distances.end(), more.begin(), more.end());
  }
  std::vector<std::uint64_t> lows;
  std::uint64_t size = 0;
  for (const FunctionRecord& function : model_.functions) {
    const auto code = object_.bytes_at(function.low, function.length);
    const bool may_reach =
        std::ranges::any_of(distances,
                            [&](std::int64_t one) { return may_have_displacement(code, one); }) ||
        std::ranges::any_of(types::variables_of(model_, function), [&](const auto& variable) {
          return is_of_structure(variable.type, what) ||
                 is_of_structure(pointee_of(model_.types, variable.type), what);
        });
    if (!may_reach) continue;
    lows.push_back(function.low);
    size += function.length;
    if (size > kMostCodeOfMember) return MemoryUse::lost();
  }
  MemoryUse all;
  for (const std::uint64_t low : lows) {
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

// From where code may reach what lies `offset` bytes in the structure: its own address, that of a neighbour in a row (`end[-1].member`), and that of a
// structure inside it (container_of).
std::vector<std::int64_t> MemberUses::distances_to(const Watched& what, std::int64_t offset) const {
  const auto size = static_cast<std::int64_t>(model_.types[what.member.type].size);
  std::vector<std::int64_t> found;
  for (std::int64_t n = -1; n <= kLastInRow; ++n) found.push_back(offset + n * size);
  for (const TypedPlace& part : what.parts) found.push_back(offset - part.offset);
  return found;
}

void MemberUses::add_parts(TypeIndex type, std::int64_t offset, int depth,
                           std::vector<TypedPlace>& parts) const {
  if (depth > kDeepest || model_.types[type].kind != Kind::composite) return;
  for (const MemberRecord& one : model_.types.members_of(type)) {
    if (one.type == kNoType || !types::has_place(one)) continue;
    const std::int64_t at = offset + static_cast<std::int64_t>(one.offset);
    const bool is_part = model_.types[one.type].kind == Kind::composite && at != 0;
    if (is_part) parts.push_back({one.type, at});
    add_parts(one.type, at, depth + 1, parts);
  }
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
  add_parts(member.type, 0, 0, what.parts);
  const MemberRecord* itself = member_with_place(graph, member.type, member.offset);
  // A number and a pointer are in many structures; a longer beginning is the same by chance less often, whatever the names.
  const bool has_much_in_front =
      std::ranges::count_if(graph.members_of(member.type),
                            [&](const auto& other) { return other.offset < itself->offset; }) > 1;
  for (TypeIndex other = 0; other < graph.size(); ++other) {
    if (graph[other].kind != Kind::composite || other == member.type) continue;
    const MemberRecord* one = member_with_place(graph, other, member.offset);
    const bool may_be_it = one != nullptr && (one->name == itself->name || has_much_in_front);
    const bool is_twin = may_be_it && graph[one->type].kind == Kind::address &&
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
  one->targets = std::make_unique<TargetFinder>(model_, statics_, optimised_, virtual_tables_,
                                                types::function_at(model_, low), one->flow);
  return one.get();
}

MemoryUse MemberUses::use_in(const Followed& function, const Watched& what) {
  MemoryUse all;
  const AtomTable& atoms = function.flow.atoms;
  const auto size = static_cast<std::int64_t>(model_.types[what.member.type].size);
  for (AtomId load = 0; load < atoms.size(); ++load) {
    if (atoms[load].kind != AtomKind::load || atoms.access_of(atoms[load]).size != 8) continue;
    const Access& access = atoms.access_of(atoms[load]);
    const std::vector<TypedPlace> places = function.targets->places_read(load);
    bool is_it = false;
    // Of an address that no variable says the type of (`((struct client *)any)->reply`) the distance has to do.
    bool may_be = places.empty() && !access.base.is_in_frame() &&
                  access.place.base != Register::none &&
                  is_in_row(access.place.displacement - what.member.offset, size);
    for (const TypedPlace& place : places) {
      const auto member = member_at(model_.types, place);
      is_it = is_it || member == what.member;
      const bool is_outside = std::ranges::any_of(what.parts, [&](const TypedPlace& part) {
        return part.type == place.type && part.offset + place.offset == what.member.offset;
      });
      may_be =
          may_be || is_outside ||
          (member && member->offset == what.member.offset && is_of_structure(member->type, what));
    }
    if (!is_it && !may_be) continue;
    MemoryUse use = of_value(function, load, what.member);
    use.as_bytes = use.as_bytes && is_it;
    all.add(use);
  }
  const bool is_reached_otherwise = std::ranges::any_of(what.row, [&](std::int64_t offset) {
    return function.targets->is_address_handed_on({what.member.type, offset});
  });
  if (is_reached_otherwise || function.targets->is_read_blindly(what.member) ||
      function.targets->is_read_anywhere_in(what.member.type))
    all.add(MemoryUse::lost());
  return all;
}

// `kept_in`: the member that it is in anyway.
MemoryUse MemberUses::of_value(const Followed& function, AtomId atom,
                               const std::optional<TypedPlace>& kept_in) {
  const auto is_more = [&](TypeIndex type) { return !is_character(model_.types[type]); };
  MemoryUse all = function.targets->memory_use(
      atom, [&](const CallFact& call, int n) { return by_callee(call, n); });
  const auto places = function.targets->places_written(atom);
  if (!places || function.targets->is_returned(atom)) all.add(MemoryUse::lost());
  for (const TypedPlace& place : places.value_or(std::vector<TypedPlace>{})) {
    if (all.as_more || all.is_lost) break;
    const bool is_there = kept_in && member_at(model_.types, place) == kept_in;
    if (is_there) continue;
    MemoryUse there = of(place);
    there.as_bytes = false;  // that may be said of other blocks
    all.add(there);
  }
  const std::vector<SiteTarget> targets = function.targets->targets_of(atom);
  const std::vector<TypeIndex> elsewhere = function.targets->targets_elsewhere(atom);
  all.as_more = all.as_more || std::any_of(elsewhere.begin(), elsewhere.end(), is_more) ||
                std::any_of(targets.begin(), targets.end(), [&](const SiteTarget& target) {
                  return target.is_direct && is_more(target.type);
                });
  return all;
}

MemoryUse MemberUses::by_callee(const CallFact& call, int n) {
  if (call.callee.may_be_another) return MemoryUse::lost();
  if (call.callee.address != 0) return of_argument(call.callee.address, n);
  if (!call.callee.known()) return MemoryUse::lost();  // one that a pointer leads to
  return {.is_hidden = true};                          // another object's
}

MemoryUse MemberUses::of_argument(std::uint64_t low, int n) {
  if (depth_ >= kDeepestCall) return MemoryUse::lost();
  // While it is looked for, and for whoever comes back to it then, it is lost.
  const auto [at, is_new] = of_arguments_.try_emplace({low, n}, MemoryUse::lost());
  if (!is_new) return at->second;
  const Deeper deeper{depth_};
  const Followed* function = followed(low);
  if (function == nullptr || function->flow.low != low || !function->flow.is_complete)
    return MemoryUse::lost();
  const AtomTable& atoms = function->flow.atoms;
  const auto wanted = static_cast<std::int64_t>(kArgumentRegisters[n]);
  for (AtomId atom = 0; atom < atoms.size(); ++atom) {
    if (atoms[atom].kind != AtomKind::entry || atoms[atom].where != wanted) continue;
    MemoryUse use = of_value(*function, atom, std::nullopt);
    use.is_hidden = use.is_hidden || use.at_number;
    use.as_bytes = use.at_number = false;
    return of_arguments_[{low, n}] = use;
  }
  return MemoryUse::lost();
}

}  // namespace allocs::meta
