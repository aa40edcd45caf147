// SPDX-License-Identifier: Apache-2.0
#include "meta/member_places.h"

#include "meta/type_spelling.h"

namespace allocs::meta {

using types::Kind;
using types::MemberRecord;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr int kDeepest = 32;

struct Found {
  std::uint64_t offset;
  TypeIndex type;
};

// A name with :: is that of a base class, and any other a member's, where an inner one hides those of bases.
std::optional<Found> find_named(const types::ObjectModel& model, TypeIndex type,
                                std::string_view name, int depth) {
  if (type == types::kNoType || depth > kDeepest) return std::nullopt;
  if (model.types[type].kind != Kind::composite) return std::nullopt;
  const auto is_transparent = [&](const MemberRecord& member) {
    return (member.flags & types::kMemberBaseClass) != 0 || member.name == 0;
  };
  const bool is_base = name.find("::") != name.npos;
  const auto is_meant = [&](const MemberRecord& member) {
    if (!is_base) return !is_transparent(member) && model.strings[member.name] == name;
    return (member.flags & types::kMemberBaseClass) != 0 && member.type != types::kNoType &&
           comparable_spelling(model.strings[model.types[member.type].name]) == name;
  };
  const auto members = model.types.members_of(type);
  for (const MemberRecord& member : members) {
    if (types::has_place(member) && is_meant(member)) return Found{member.offset, member.type};
  }
  for (const MemberRecord& member : members) {
    if (!is_transparent(member) || !types::has_place(member)) continue;
    if (const auto inner = find_named(model, member.type, name, depth + 1))
      return Found{member.offset + inner->offset, inner->type};
  }
  return std::nullopt;
}

// Where the first component of a path ends: at a dot or an arrow that is not among template arguments.
std::size_t end_of_component(std::string_view path) {
  int depth = 0;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] == '<') ++depth;
    if (path[at] == '>') --depth;
    if (depth == 0 && (path[at] == '.' || path.substr(at, 2) == "->")) return at;
  }
  return path.npos;
}

void describe_value(const TypeRecord& type, types::PlaceRecord& place) {
  const bool is_scalar = type.kind == Kind::base || type.kind == Kind::address ||
                         type.kind == Kind::enumeration || type.kind == Kind::subrange;
  place.size = is_scalar && type.size <= 8 ? static_cast<std::uint8_t>(type.size) : 8;
  if (type.bit_size == 0 || type.bit_size > 64 || type.bit_offset > 63) return;
  place.bit_size = static_cast<std::uint8_t>(type.bit_size);
  place.bit_offset = static_cast<std::uint8_t>(type.bit_offset);
}

}  // namespace

std::optional<MemberPlace> find_member(const types::ObjectModel& model, TypeIndex type,
                                       std::string_view path) {
  MemberPlace found{{}, type};
  std::uint64_t offset = 0;
  if (path.empty()) return std::nullopt;
  while (!path.empty()) {
    const std::size_t end = end_of_component(path);
    const std::string_view name = path.substr(0, end);
    const bool is_base = name.find("::") != name.npos;
    const auto member =
        find_named(model, found.type, is_base ? comparable_spelling(name) : std::string(name), 0);
    if (!member) return std::nullopt;
    offset += member->offset;
    if (offset > 0xFFFFFFFFu) return std::nullopt;
    found.place.offsets[found.place.hops] = static_cast<std::uint32_t>(offset);
    found.type = member->type;
    if (end == path.npos) break;
    const bool is_pointer = path[end] == '-';
    path.remove_prefix(end + (is_pointer ? 2 : 1));
    if (!is_pointer) continue;
    if (found.type == types::kNoType || model.types[found.type].kind != Kind::address ||
        found.place.hops == types::kMostPlaceHops)
      return std::nullopt;
    found.type = model.types[found.type].target;
    ++found.place.hops;
    offset = 0;
  }
  if (found.type == types::kNoType) return std::nullopt;
  describe_value(model.types[found.type], found.place);
  return found;
}

std::optional<types::PlaceRecord> moved(types::PlaceRecord place, std::uint64_t by) {
  if (by > 0xFFFFFFFFu - place.offsets[0]) return std::nullopt;
  place.offsets[0] += static_cast<std::uint32_t>(by);
  return place;
}

}  // namespace allocs::meta
