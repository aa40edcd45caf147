// SPDX-License-Identifier: Apache-2.0
#include "meta/reading_members.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "types/write/type_graph.h"

// What `const` says is gone once types are merged, so this is asked of the types as the debug information tells them. The same rule by the source:
// toolchain/plugin/byte_uses.cc.
namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::SourceTypes;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr std::uint64_t kPointer = 8;  // bytes
constexpr int kMostAliases = 16;

// A type behind typedefs and qualifiers.
struct Bare {
  TypeIndex type = kNoType;
  bool is_const = false;
};

class Prototypes {
 public:
  Prototypes(const SourceTypes& source, const types::StringPool& strings)
      : source_(source), strings_(strings) {}

  // Of the pointer `type`; nothing if it is none, or leads to no function that is known.
  std::optional<TypeIndex> function_behind(TypeIndex type) const {
    const Bare pointer = bare(type);
    if (pointer.type == kNoType || record(pointer).kind != Kind::address) return std::nullopt;
    const Bare function = bare(record(pointer).target);
    if (function.type == kNoType || record(function).kind != Kind::subprogram) return std::nullopt;
    return function.type;
  }

  // Bit n: it only reads what its argument n points to.
  std::uint32_t arguments_read(TypeIndex function) const {
    const TypeRecord& type = source_.types[function];
    const auto arguments = source_.members_of(type);
    const bool is_known = (type.flags & types::kTypePrototyped) != 0 &&
                          (type.flags & types::kTypeVariadic) == 0 && is_scalar(bare(type.target));
    const bool may_keep = std::ranges::any_of(arguments, [&](const MemberRecord& one) {
      return !is_in_register(one) || may_give_out_address(one.type) || function_behind(one.type);
    });
    if (!is_known || may_keep) return 0;
    std::uint32_t found = 0;
    constexpr std::size_t kRegisters = 6;
    for (std::size_t n = 0; n + 1 < std::min(arguments.size(), kRegisters); ++n) {
      if (is_for_reading(arguments[n].type) && is_length(arguments[n + 1].type)) found |= 1u << n;
    }
    return found;
  }

  bool may_return_address(TypeIndex function) const {
    const Bare result = bare(source_.types[function].target);
    if (result.type == kNoType) return false;
    return record(result).kind == Kind::address ||
           is_number_of_address(source_.types[function].target);
  }

 private:
  const TypeRecord& record(const Bare& bare) const { return source_.types[bare.type]; }

  Bare bare(TypeIndex type) const {
    Bare found;
    for (int n = 0; n < kMostAliases; ++n) {
      if (type == kNoType) type = types::TypeGraph::kVoid;
      const TypeRecord& at = source_.types[type];
      const bool is_qualifier = at.kind == types::kKindQualifier;
      if (!is_qualifier && at.kind != types::kKindTypedef) {
        found.type = at.kind == types::kKindUnfilled ? kNoType : type;
        return found;
      }
      found.is_const =
          found.is_const ||
          (is_qualifier && at.detail == static_cast<std::uint8_t>(types::Qualifier::const_));
      type = at.target;
    }
    return {};
  }

  bool is_scalar(const Bare& bare) const {
    if (bare.type == kNoType) return false;
    const Kind kind = record(bare).kind;
    return kind == Kind::void_ || kind == Kind::base || kind == Kind::address ||
           kind == Kind::enumeration;
  }
  // One general register holds it.
  bool is_in_register(const MemberRecord& argument) const {
    const Bare type = bare(argument.type);
    if (type.type == kNoType) return false;
    const Kind kind = record(type).kind;
    return kind == Kind::address || kind == Kind::enumeration ||
           (kind == Kind::base && record(type).size <= kPointer && !is_float(record(type)));
  }
  static bool is_float(const TypeRecord& type) { return type.detail == DW_ATE_float; }

  bool is_for_reading(TypeIndex type) const {
    const Bare pointer = bare(type);
    if (pointer.type == kNoType || record(pointer).kind != Kind::address) return false;
    const Bare target = bare(record(pointer).target);
    return target.type != kNoType && target.is_const && record(target).kind == Kind::void_;
  }
  bool is_length(TypeIndex type) const {
    const Bare number = bare(type);
    return number.type != kNoType && record(number).kind == Kind::base &&
           record(number).size == kPointer && !is_float(record(number));
  }
  // An address may be kept in it: it is as wide and unsigned, or of type intptr_t.
  bool is_number_of_address(TypeIndex type) const {
    const Bare number = bare(type);
    if (number.type == kNoType || record(number).size < kPointer) return false;
    if (record(number).kind == Kind::enumeration) return true;
    if (record(number).kind != Kind::base) return false;
    const std::uint8_t encoding = record(number).detail;
    if (encoding != DW_ATE_signed && encoding != DW_ATE_signed_char) return true;
    constexpr std::string_view kNumberOfAddress = "intptr_t";
    for (int n = 0; n < kMostAliases && type != number.type && type != kNoType; ++n) {
      const TypeRecord& at = source_.types[type];
      const bool is_named = at.kind == types::kKindTypedef && at.name != 0;
      if (is_named && strings_[at.name] == kNumberOfAddress) return true;
      type = at.target;
    }
    return false;
  }
  bool may_give_out_address(TypeIndex type) const {
    const Bare pointer = bare(type);
    if (pointer.type == kNoType || record(pointer).kind != Kind::address) return false;
    TypeIndex pointee = record(pointer).target;
    Bare target = bare(pointee);
    for (int n = 0;
         n < kMostAliases && target.type != kNoType && record(target).kind == Kind::array; ++n) {
      pointee = record(target).target;
      const bool is_const = target.is_const;
      target = bare(pointee);
      target.is_const = target.is_const || is_const;
    }
    if (target.type == kNoType) return true;
    return !target.is_const &&
           (record(target).kind == Kind::address || is_number_of_address(pointee));
  }

  const SourceTypes& source_;
  const types::StringPool& strings_;
};

}  // namespace

ReadingMembers::ReadingMembers(const SourceTypes& source, std::span<const TypeIndex> index_of,
                               const types::StringPool& strings) {
  const Prototypes prototypes{source, strings};
  for (TypeIndex node = 0; node < source.types.size(); ++node) {
    if (source.types[node].kind != Kind::composite || index_of[node] == kNoType) continue;
    for (const MemberRecord& member : source.members_of(source.types[node])) {
      if (member.type == kNoType || !types::has_place(member)) continue;
      const auto function = prototypes.function_behind(member.type);
      if (!function) continue;
      const Member here{prototypes.arguments_read(*function),
                        prototypes.may_return_address(*function)};
      const auto [at, is_new] =
          members_.try_emplace({index_of[node], static_cast<std::int64_t>(member.offset)}, here);
      if (is_new) continue;
      at->second.arguments &= here.arguments;
      at->second.may_return_address |= here.may_return_address;
    }
  }
  std::erase_if(members_, [](const auto& one) { return one.second.arguments == 0; });
}

bool ReadingMembers::only_reads(TypeIndex structure, std::int64_t offset, int n) const {
  const auto found = members_.find({structure, offset});
  return found != members_.end() && (found->second.arguments >> n & 1) != 0;
}

bool ReadingMembers::may_return_address(TypeIndex structure, std::int64_t offset) const {
  const auto found = members_.find({structure, offset});
  return found == members_.end() || found->second.may_return_address;
}

}  // namespace allocs::meta
