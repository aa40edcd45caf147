// SPDX-License-Identifier: Apache-2.0
#include "meta/locations.h"

#include <algorithm>

#include "base/byte_reader.h"

namespace allocs::meta {

using types::LocationKind;
using types::LocationPiece;

constexpr std::uint32_t kFramePointer = 6;  // rbp, as DWARF numbers it
constexpr std::uint32_t kStackPointer = 7;  // rsp

Place place_of(const Unit& unit, std::span<const std::byte> expression) {
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

FrameConverter::FrameConverter(CallFrames& frames, Place frame_base, PcRange function)
    : frames_(frames), base_(frame_base), function_(function) {
  if (base_.kind == Place::Kind::in_register) base_.kind = Place::Kind::register_offset;
}

void FrameConverter::convert(const Place& place, PcRange range,
                             std::vector<LocationPiece>& pieces) const {
  using Kind = Place::Kind;
  Place at = place;
  if (at.kind == Kind::frame_offset) {
    at = base_;
    at.value += place.value;
    if (at.kind != Kind::cfa_offset && at.kind != Kind::register_offset) return;
  }
  switch (at.kind) {
    case Kind::cfa_offset:
      pieces.push_back({range.low, range.high, LocationKind::memory, at.value});
      return;
    case Kind::in_register:
      pieces.push_back(
          {range.low, range.high, LocationKind::in_register, static_cast<std::int64_t>(at.reg)});
      return;
    case Kind::register_offset:
      break;
    default:
      return;
  }
  // In a realigned frame the register's distance from the canonical frame address is known at run time only.
  const auto by_register = [&](std::uint64_t low, std::uint64_t high) {
    if (low >= high) return;
    if (at.reg == kStackPointer)
      pieces.push_back({low, high, LocationKind::memory_at_sp, at.value});
    if (at.reg == kFramePointer)
      pieces.push_back({low, high, LocationKind::memory_at_fp, at.value});
  };
  std::uint64_t told = range.low;  // no row up to here: a canonical frame address that is computed
  for (const CallFrameRow& row : frames_.rows(function_.low, function_.high)) {
    const std::uint64_t low = std::max(row.low, range.low);
    const std::uint64_t high = std::min(row.high, range.high);
    if (low >= high) continue;
    by_register(told, low);
    told = high;
    if (row.cfa_register == at.reg) {
      pieces.push_back({low, high, LocationKind::memory, at.value - row.cfa_offset});
    } else if (at.reg == kStackPointer) {
      by_register(low, high);
    }  // else: the prologue, where the frame pointer is still the caller's
  }
  by_register(told, range.high);
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
