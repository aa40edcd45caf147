// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "meta/call_frames.h"
#include "meta/die_stream.h"
#include "meta/expressions.h"
#include "meta/range_lists.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// What a DWARF location expression comes to, as far as an image can say it.
struct Place {
  enum class Kind : std::uint8_t {
    unknown,          // in pieces, the value at entry, implicit ...
    address,          // value: link address
    thread_local_,    // value: offset in the object's TLS segment
    in_register,      // reg
    register_offset,  // memory at reg + value
    cfa_offset,       // memory at the canonical frame address + value
    frame_offset,     // memory at the frame base + value
    computed,         // memory at what `expression` gives
    value,            // nowhere; `expression` gives the value
  };
  Kind kind = Kind::unknown;
  std::uint32_t reg = 0;
  std::int64_t value = 0;
  std::span<const std::byte> expression{};  // in the section; its frame base is the function's
};

// Exact or unknown: an expression of any other form than the above is never approximated.
Place place_of(const Unit& unit, std::span<const std::byte> expression);

inline constexpr std::uint32_t kFramePointer = 6;  // rbp, as DWARF numbers it
inline constexpr std::uint32_t kStackPointer = 7;  // rsp

// Converts the places of a function's variables to what an image holds.
class FrameConverter {
 public:
  // `frame_base`: the place that DW_AT_frame_base gives; for the form "register r" it means r's content.
  FrameConverter(CallFrames& frames, ExpressionPool& expressions, Place frame_base,
                 PcRange function);

  // Appends where `place` is during `range`, which lies inside the function, as pieces that can be given exactly.
  void convert(const Place& place, PcRange range, std::vector<types::LocationPiece>& pieces) const;

 private:
  // Calls visit(low, high, place, has_row) for stretches of `range` in which the register has a fixed distance from the canonical frame
  // address, with that distance, and for the others, with the place as it is. `has_row`: that address is known otherwise.
  template <typename Visit>
  void for_each_stretch(const Place& at, bool is_frame_base, PcRange range, Visit&& visit) const;
  void convert_expression(const Place& place, PcRange range,
                          std::vector<types::LocationPiece>& pieces) const;

  CallFrames& frames_;
  ExpressionPool& expressions_;
  Place base_;
  PcRange function_;
};

// Sorts, drops what overlaps an earlier piece, joins equal neighbours.
void tidy(std::vector<types::LocationPiece>& pieces);

}  // namespace allocs::meta
