// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// How the compiler plugin tells the metadata compiler what an allocating call allocates. The two share this header,
// site_list.h and nothing else.
//
// The plugin gives each pair (type, kind) of a compile unit an id. In the debug information of the unit there is for each id
// a typedef of the type, the *marker*:
//
//     __allocs_site$80a3f1$saa
//                   id     kind
//
// and in its line table the row of the call has the id as its discriminator. When the call was inlined, the id is the
// DW_AT_GNU_discriminator of the inlined subroutine. docs/heap_types.md has the whole story.
namespace allocs::types {

// gcc and clang have small discriminators of their own; elfutils 0.188 takes values of 2^24 and more for damage.
inline constexpr std::uint32_t kFirstSiteId = 0x800000;
inline constexpr std::uint32_t kLastSiteId = 0xFFFFFF;

constexpr bool is_site_id(std::uint64_t discriminator) {
  return discriminator >= kFirstSiteId && discriminator <= kLastSiteId;
}

// What the type was read off.
enum class SiteOrigin : char {
  new_expression = 'n',  // `new T`: exact
  size = 's',            // the size asked for is made of sizeof, offsetof and the like
  target = 't',          // only the pointer that receives the block: a cast, a variable, a member
  wrapper = 'w',         // the type is the caller's business; there is none here
};

// What the pointer that receives the block says of the type that was read off something else. Of one that was read off the pointer
// itself: `agrees` if the function that allocates also uses the block as that.
// `used`: of bytes that were read off the pointer itself: all that the unit does with the block agrees. `disagrees`, of these: some of it shows that they are none.
// Of a piece that a pool hands out `used` and `disagrees` say whether the unit shows that the whole block is of that.
enum class SiteTargetSays : char { agrees = 'a', disagrees = 'd', nothing = 'u', used = 'b' };

enum class SiteShape : char {
  one = 'o',    // a T
  array = 'a',  // any number of T
  flexible =
      'f',  // a T, then any number of U; if no U is given, T's own last member is what goes on
  at_least = 'l',  // a T, then bytes of which nothing is known
  one_of = 'u',  // a T or one of certain other types, then perhaps bytes of which nothing is known
};

struct SiteKind {
  SiteOrigin origin = SiteOrigin::size;
  SiteTargetSays target = SiteTargetSays::nothing;
  SiteShape shape = SiteShape::one;

  // The pointer says what it is, and what the unit does with it says that it is not.
  constexpr bool is_refuted() const {
    return origin == SiteOrigin::target && target == SiteTargetSays::disagrees;
  }

  friend constexpr bool operator==(const SiteKind&, const SiteKind&) = default;
};

inline constexpr std::size_t kSiteKindLength = 3;
using SiteKindText = std::array<char, kSiteKindLength>;

constexpr SiteKindText encode_site_kind(SiteKind kind) {
  return {static_cast<char>(kind.origin), static_cast<char>(kind.target),
          static_cast<char>(kind.shape)};
}

// Nothing if `text` is not exactly what encode_site_kind() writes.
constexpr std::optional<SiteKind> parse_site_kind(std::string_view text) {
  constexpr std::string_view kOrigins = "nstw", kTargets = "adub", kShapes = "oaflu";
  const auto is_one_of = [](std::string_view all, char c) {
    for (const char one : all) {
      if (one == c) return true;
    }
    return false;
  };
  if (text.size() != kSiteKindLength) return std::nullopt;
  const char* const at = text.data();
  if (!is_one_of(kOrigins, at[0]) || !is_one_of(kTargets, at[1]) || !is_one_of(kShapes, at[2]))
    return std::nullopt;
  return SiteKind{static_cast<SiteOrigin>(at[0]), static_cast<SiteTargetSays>(at[1]),
                  static_cast<SiteShape>(at[2])};
}

struct SiteMarker {
  std::uint32_t id = 0;
  SiteKind kind;

  friend constexpr bool operator==(const SiteMarker&, const SiteMarker&) = default;
};

inline constexpr std::string_view kSiteMarkerPrefix = "__allocs_site$";
// Of a site of shape `flexible` that has a U, the marker is a typedef of a structure with this name and two members: T, U[].
inline constexpr std::string_view kFlexibleRecordName = "__allocs_flexible";
// Of a site of shape `one_of` it is a typedef of a union with this name, whose members are of the types.
inline constexpr std::string_view kOneOfRecordName = "__allocs_one_of";

inline constexpr std::size_t kSiteIdDigits = 6;
inline constexpr std::size_t kSiteMarkerLength =
    kSiteMarkerPrefix.size() + kSiteIdDigits + 1 + kSiteKindLength;
using SiteMarkerName = std::array<char, kSiteMarkerLength>;

// `marker.id` must be a site id.
constexpr SiteMarkerName encode_site_marker(const SiteMarker& marker) {
  SiteMarkerName name{};
  char* at = name.data();
  for (const char c : kSiteMarkerPrefix) *at++ = c;
  for (int shift = 20; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[marker.id >> shift & 15];
  *at++ = '$';
  for (const char c : encode_site_kind(marker.kind)) *at++ = c;
  return name;
}

constexpr bool is_site_marker_name(std::string_view name) {
  return name.size() >= kSiteMarkerPrefix.size() &&
         std::string_view{name.data(), kSiteMarkerPrefix.size()} == kSiteMarkerPrefix;
}

// Nothing if `name` is not exactly what encode_site_marker() writes.
constexpr std::optional<SiteMarker> parse_site_marker(std::string_view name) {
  if (name.size() != kSiteMarkerLength || !is_site_marker_name(name)) return std::nullopt;
  SiteMarker marker;
  const char* at = name.data() + kSiteMarkerPrefix.size();
  for (std::size_t i = 0; i < kSiteIdDigits; ++i, ++at) {
    const bool is_letter = *at >= 'a' && *at <= 'f';
    if (!is_letter && (*at < '0' || *at > '9')) return std::nullopt;
    marker.id = marker.id << 4 | static_cast<std::uint32_t>(is_letter ? *at - 'a' + 10 : *at - '0');
  }
  const auto kind = parse_site_kind({at + 1, kSiteKindLength});
  if (*at != '$' || !is_site_id(marker.id) || !kind) return std::nullopt;
  marker.kind = *kind;
  return marker;
}

}  // namespace allocs::types
