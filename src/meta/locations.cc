// SPDX-License-Identifier: Apache-2.0
#include "meta/locations.h"

#include <algorithm>

#include "base/byte_reader.h"

namespace allocs::meta {

using types::LocationKind;
using types::LocationPiece;

namespace {

Place computed_place(std::span<const std::byte> expression) {
  Place place;
  place.expression = expression;
  switch (result_of(expression)) {
    case ExpressionResult::address:
      place.kind = Place::Kind::computed;
      return place;
    case ExpressionResult::value:
      place.kind = Place::Kind::value;
      return place;
    case ExpressionResult::unusable:
      break;
  }
  return {};
}

// The forms that need no computing.
Place plain_place(const Unit& unit, std::span<const std::byte> expression) {
  using Kind = Place::Kind;
  if (expression.empty()) return {};
  ByteReader reader{expression.data(), expression.size()};
  const auto op = reader.read<std::uint8_t>();
  Place place;
  bool is_number = false;  // a constant that a TLS operator must follow
  const auto number = [&](auto value) {
    is_number = true;
    place.value = static_cast<std::int64_t>(value);
  };
  if (op >= DW_OP_reg0 && op <= DW_OP_reg31) {
    place = {Kind::in_register, static_cast<std::uint32_t>(op - DW_OP_reg0), 0};
  } else if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
    place = {Kind::register_offset, static_cast<std::uint32_t>(op - DW_OP_breg0),
             reader.read_sleb()};
  } else {
    switch (op) {
      case DW_OP_regx:
        place = {Kind::in_register, static_cast<std::uint32_t>(reader.read_uleb()), 0};
        break;
      case DW_OP_bregx:
        place.kind = Kind::register_offset;
        place.reg = static_cast<std::uint32_t>(reader.read_uleb());
        place.value = reader.read_sleb();
        break;
      case DW_OP_fbreg:
        place = {Kind::frame_offset, 0, reader.read_sleb()};
        break;
      case DW_OP_call_frame_cfa:
        place = {Kind::cfa_offset, 0, 0};
        break;
      case DW_OP_addr:
        place = {Kind::address, 0, reader.read<std::int64_t>()};
        break;
      case DW_OP_addrx:
      case DW_OP_GNU_addr_index: {
        const auto address = unit.indexed_address(reader.read_uleb());
        if (!address) return {};
        place = {Kind::address, 0, static_cast<std::int64_t>(*address)};
        break;
      }
      case DW_OP_constx:
      case DW_OP_GNU_const_index: {
        const auto value = unit.indexed_address(reader.read_uleb());
        if (!value) return {};
        number(*value);
        break;
      }
      case DW_OP_const4u:
        number(reader.read<std::uint32_t>());
        break;
      case DW_OP_const8u:
        number(reader.read<std::uint64_t>());
        break;
      case DW_OP_constu:
        number(reader.read_uleb());
        break;
      default:
        return {};
    }
  }
  if (!reader.at_end()) {
    const auto next = reader.read<std::uint8_t>();
    if (next == DW_OP_GNU_push_tls_address || next == DW_OP_form_tls_address) {
      if (!is_number && place.kind != Kind::address) return {};
      is_number = false;
      place.kind = Kind::thread_local_;
    } else if (next == DW_OP_plus_uconst && place.kind != Kind::in_register &&
               place.kind != Kind::unknown) {
      place.value += static_cast<std::int64_t>(reader.read_uleb());
    } else {
      return {};
    }
    // A member of something thread-local, as clang writes variables that it has merged.
    if (!reader.at_end() && place.kind == Kind::thread_local_) {
      if (reader.read<std::uint8_t>() != DW_OP_plus_uconst) return {};
      place.value += static_cast<std::int64_t>(reader.read_uleb());
    }
  }
  return reader.ok() && reader.at_end() && !is_number ? place : Place{};
}

}  // namespace

Place place_of(const Unit& unit, std::span<const std::byte> expression) {
  const Place place = plain_place(unit, expression);
  return place.kind == Place::Kind::unknown ? computed_place(expression) : place;
}

FrameConverter::FrameConverter(CallFrames& frames, ExpressionPool& expressions, Place frame_base,
                               PcRange function)
    : frames_(frames), expressions_(expressions), base_(frame_base), function_(function) {
  if (base_.kind == Place::Kind::in_register) base_.kind = Place::Kind::register_offset;
}

void FrameConverter::convert(const Place& place, PcRange range,
                             std::vector<LocationPiece>& pieces) const {
  using Kind = Place::Kind;
  Place at = place;
  const bool is_from_base = at.kind == Kind::frame_offset;
  if (is_from_base) {
    at = base_;
    at.value += place.value;
  }
  switch (at.kind) {
    case Kind::in_register:
      pieces.push_back(
          {range.low, range.high, LocationKind::in_register, static_cast<std::int64_t>(at.reg)});
      return;
    case Kind::computed:
    case Kind::value:
      if (!is_from_base) convert_expression(at, range, pieces);
      return;
    case Kind::cfa_offset:
    case Kind::register_offset:
      break;
    default:
      return;
  }
  for_each_stretch(at, is_from_base, range,
                   [&](std::uint64_t low, std::uint64_t high, const Place& stretch, bool has_row) {
                     LocationPiece piece{low, high, LocationKind::memory, stretch.value};
                     if (stretch.kind == Kind::register_offset) {
                       if (stretch.reg == kStackPointer) {
                         piece.kind = LocationKind::memory_at_sp;
                       } else if (stretch.reg == kFramePointer && !has_row) {
                         piece.kind = LocationKind::memory_at_fp;
                       } else {
                         piece.kind = LocationKind::computed;
                         piece.value = expressions_.add(register_plus(stretch.reg, stretch.value));
                       }
                     }
                     pieces.push_back(piece);
                   });
}

template <typename Visit>
void FrameConverter::for_each_stretch(const Place& at, bool is_frame_base, PcRange range,
                                      Visit&& visit) const {
  using Kind = Place::Kind;
  if (at.kind == Kind::cfa_offset) {
    visit(range.low, range.high, at, true);
    return;
  }
  if (at.kind != Kind::register_offset) return;
  // In a realigned frame the register's distance from the canonical frame address is known at run time only. A compiler
  // that counts from the frame pointer everywhere means it from the end of the prologue on: before, it is the caller's.
  const bool is_early = is_frame_base && at.reg == kFramePointer;
  std::uint64_t told = range.low;  // no row up to here: a canonical frame address that is computed
  for (const CallFrameRow& row : frames_.rows(function_.low, function_.high)) {
    const std::uint64_t low = std::max(row.low, range.low);
    const std::uint64_t high = std::min(row.high, range.high);
    if (low >= high) continue;
    if (told < low) visit(told, low, at, false);
    told = high;
    if (row.cfa_register == at.reg) {
      visit(low, high, Place{Kind::cfa_offset, 0, at.value - row.cfa_offset}, true);
    } else if (!is_early) {
      visit(low, high, at, true);
    }
  }
  if (told < range.high) visit(told, range.high, at, false);
}

void FrameConverter::convert_expression(const Place& place, PcRange range,
                                        std::vector<LocationPiece>& pieces) const {
  const LocationKind kind =
      place.kind == Place::Kind::value ? LocationKind::value : LocationKind::computed;
  const auto push = [&](std::uint64_t low, std::uint64_t high, const FrameBase& base) {
    pieces.push_back({low, high, kind, expressions_.add(rebased(place.expression, base))});
  };
  if (!uses_frame_base(place.expression)) return push(range.low, range.high, {});
  for_each_stretch(base_, true, range,
                   [&](std::uint64_t low, std::uint64_t high, const Place& base, bool) {
                     push(low, high,
                          {.is_cfa = base.kind == Place::Kind::cfa_offset,
                           .reg = base.reg,
                           .offset = base.value});
                   });
}

void tidy(std::vector<LocationPiece>& pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.low < b.low; });
  std::size_t kept = 0;
  for (const LocationPiece& piece : pieces) {
    if (kept != 0) {
      LocationPiece& last = pieces[kept - 1];
      const bool same = last.kind == piece.kind && last.value == piece.value;
      if (same && piece.low <= last.high) {
        last.high = std::max(last.high, piece.high);
        continue;
      }
      if (piece.low < last.high) {
        if (piece.high <= last.high) continue;
        LocationPiece rest = piece;
        rest.low = last.high;
        pieces[kept++] = rest;
        continue;
      }
    }
    pieces[kept++] = piece;
  }
  pieces.resize(kept);
}

}  // namespace allocs::meta
