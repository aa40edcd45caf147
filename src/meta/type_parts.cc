// SPDX-License-Identifier: Apache-2.0
#include "meta/type_parts.h"

namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::TypeGraph;
using types::TypeIndex;

namespace {

constexpr int kDeepest = 12;

// Base classes that hold nothing lie where the next member does.
bool holds_nothing(const TypeGraph& types, TypeIndex type) {
  return types[type].kind == Kind::composite && types.members_of(type).empty();
}

const MemberRecord* only_member_at(const TypeGraph& types, TypeIndex type, std::uint64_t offset) {
  if (types[type].kind != Kind::composite) return nullptr;
  const MemberRecord* found = nullptr;
  for (const MemberRecord& member : types.members_of(type)) {
    if (member.type == kNoType || !types::has_place(member) || member.offset > offset) continue;
    const bool is_there = offset - member.offset < types[member.type].size;
    if (!is_there || holds_nothing(types, member.type)) continue;
    if (found != nullptr) return nullptr;
    found = &member;
  }
  return found;
}

}  // namespace

TypeIndex part_of(const types::ObjectModel& model, TypeIndex type, std::uint64_t offset,
                  std::uint64_t size, std::string* path) {
  const TypeGraph& types = model.types;
  for (int depth = 0; depth < kDeepest && type != kNoType; ++depth) {
    if (offset == 0 && depth > 0 && types[type].size == size) return type;
    if (types[type].kind == Kind::array) {
      const TypeIndex element = types[type].target;
      const std::uint64_t step = element == kNoType ? 0 : types[element].size;
      if (step == 0 || step == types::kUnknownSize) return kNoType;
      if (path != nullptr) *path += "[" + std::to_string(offset / step) + "]";
      offset %= step;
      type = element;
      continue;
    }
    const MemberRecord* const member = only_member_at(types, type, offset);
    if (member == nullptr) return kNoType;
    if (path != nullptr && member->name != 0) (*path += '.') += model.strings[member->name];
    offset -= member->offset;
    type = member->type;
  }
  return kNoType;
}

}  // namespace allocs::meta
