// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/marked_types.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DebugInfoMetadata.h>

namespace allocs::plugin {

using namespace llvm;
using types::SiteOrigin;

namespace {

bool is_internal_marker(StringRef name) {
  if (!name.consume_front(StringRef{types::kSiteMarkerPrefix})) return false;
  constexpr std::size_t kLength = types::kSiteKindLength + 1;
  if (name.size() < kLength) return false;
  const char flag = name[types::kSiteKindLength];
  const bool has_flag = flag == kNoFlag || flag == kBuiltinFlag || is_cookie_flag(flag);
  return has_flag && types::parse_site_kind({name.data(), types::kSiteKindLength}) &&
         all_of(name.drop_front(kLength), [](char c) { return isDigit(c) || c == kDimension; });
}

}  // namespace

std::optional<Mark> mark_of(const DIType* marker) {
  const auto* type = dyn_cast_or_null<DIDerivedType>(marker);
  if (type == nullptr || type->getTag() != dwarf::DW_TAG_typedef) return std::nullopt;
  if (!is_internal_marker(type->getName())) return std::nullopt;
  const StringRef name = type->getName().drop_front(types::kSiteMarkerPrefix.size());
  const auto kind = types::parse_site_kind({name.data(), types::kSiteKindLength});
  const StringRef rest = name.drop_front(types::kSiteKindLength + 1);
  return Mark{*kind, name[types::kSiteKindLength], type->getBaseType(),
              rest.starts_with(StringRef{&kDimension, 1}) ? rest : StringRef{}, type->getName()};
}

const DIType* marker_in_cast(const DIScope* kept) {
  const auto* pointer = dyn_cast_or_null<DIDerivedType>(kept);
  const DIType* pointee = pointer == nullptr ? nullptr : pointer->getBaseType();
  return pointee != nullptr && is_internal_marker(pointee->getName()) ? pointee : nullptr;
}

StringMap<const DIType*> markers_in_casts(const Module& module) {
  StringMap<const DIType*> markers;
  for (const DICompileUnit* unit : module.debug_compile_units()) {
    for (const DIScope* kept : unit->getRetainedTypes()) {
      if (const DIType* marker = marker_in_cast(kept)) markers[marker->getName()] = marker;
    }
  }
  return markers;
}

DIType* MarkedTypes::of_block(const Mark& mark) {
  if (mark.kind.origin == SiteOrigin::wrapper) return nullptr;
  if (is_cookie_flag(mark.flag)) return with_cookie(mark.type, words_of_cookie(mark.flag));
  auto* record = dyn_cast_or_null<DICompositeType>(mark.type);
  const bool is_flexible =
      record != nullptr && record->getName() == StringRef{types::kFlexibleRecordName};
  if (record != nullptr && record->getName() == StringRef{types::kOneOfRecordName})
    return renewed_union(record);
  return is_flexible ? renewed(record) : mark.type;
}

DIType* MarkedTypes::with_dimensions(const Mark& mark) {
  if (mark.dimensions.empty() || mark.type == nullptr) return mark.type;
  SmallVector<StringRef, 2> counts;
  mark.dimensions.split(counts, kDimension, -1, false);
  SmallVector<Metadata*, 2> ranges;
  std::uint64_t bits = mark.type->getSizeInBits();
  for (const StringRef count : counts) {
    std::uint64_t number = 0;
    count.getAsInteger(10, number);
    bits *= number;
    ranges.push_back(builder_.getOrCreateSubrange(0, static_cast<std::int64_t>(number)));
  }
  return builder_.createArrayType(bits, 0, mark.type, builder_.getOrCreateArray(ranges));
}

DIType* MarkedTypes::with_cookie(DIType* element, std::uint64_t words) {
  constexpr std::uint64_t kWord = 64;
  DIType* cookie = builder_.createBasicType("unsigned long", kWord, dwarf::DW_ATE_unsigned);
  if (words > 1) {
    auto* const range = builder_.getOrCreateSubrange(0, static_cast<std::int64_t>(words));
    cookie = builder_.createArrayType(words * kWord, 0, cookie, builder_.getOrCreateArray({range}));
  }
  return flexible(cookie, array_of(element), words * kWord);
}

// The compiler may have given the record a name across units, under which other units have others.
DIType* MarkedTypes::renewed(const DICompositeType* record) {
  const DINodeArray elements = record->getElements();
  const auto* head = elements.size() == 2 ? dyn_cast<DIDerivedType>(elements[0]) : nullptr;
  const auto* tail = elements.size() == 2 ? dyn_cast<DIDerivedType>(elements[1]) : nullptr;
  if (head == nullptr || tail == nullptr) return nullptr;
  return flexible(head->getBaseType(), tail->getBaseType(), tail->getOffsetInBits());
}

DIType* MarkedTypes::renewed_union(const DICompositeType* record) {
  DICompositeType* made = builder_.createUnionType(
      unit_, StringRef{types::kOneOfRecordName}, unit_->getFile(), 0, record->getSizeInBits(),
      record->getAlignInBits(), DINode::FlagZero, DINodeArray{});
  SmallVector<Metadata*, 4> members;
  for (const DINode* element : record->getElements()) {
    const auto* member = dyn_cast<DIDerivedType>(element);
    if (member == nullptr || member->getTag() != dwarf::DW_TAG_member) continue;
    members.push_back(builder_.createMemberType(made, member->getName(), unit_->getFile(), 0,
                                                member->getSizeInBits(), 0, 0, DINode::FlagZero,
                                                member->getBaseType()));
  }
  builder_.replaceArrays(made, builder_.getOrCreateArray(members));
  return made;
}

DIType* MarkedTypes::array_of(DIType* element) {
  constexpr int kNoCount = -1;
  return builder_.createArrayType(
      0, 0, element, builder_.getOrCreateArray({builder_.getOrCreateSubrange(0, kNoCount)}));
}

DIType* MarkedTypes::flexible(DIType* head, DIType* tail, std::uint64_t tail_offset) {
  DICompositeType* record =
      builder_.createStructType(unit_, StringRef{types::kFlexibleRecordName}, unit_->getFile(), 0,
                                tail_offset, 0, DINode::FlagZero, nullptr, DINodeArray{});
  DIType* members[] = {builder_.createMemberType(record, "head", unit_->getFile(), 0, tail_offset,
                                                 0, 0, DINode::FlagZero, head),
                       builder_.createMemberType(record, "tail", unit_->getFile(), 0, 0, 0,
                                                 tail_offset, DINode::FlagZero, tail)};
  builder_.replaceArrays(record, builder_.getOrCreateArray({members[0], members[1]}));
  return record;
}

}  // namespace allocs::plugin
