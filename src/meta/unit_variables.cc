// SPDX-License-Identifier: Apache-2.0
//
// What entries of variables and arguments say, and of their places: at fixed addresses, in frames, in registers, in pieces, or nowhere.
#include <algorithm>
#include <utility>

#include "meta/unit_reader.h"
#include "types/alloca_record.h"

namespace allocs::meta {

using types::kNoType;
using types::StringRef;

void UnitReader::read_variable(const Die& die, const UnitContext& context) {
  if (options_.types_only) return;
  const Scope& around = scopes_.back();
  const bool in_function = around.function != kNoEntity;
  const bool is_abstract = in_function && (functions_.empty() || around.range_count == 0);
  if (in_function && !is_abstract && !die.has(At::location)) return;
  const bool may_be_origin = !in_function || is_abstract;
  const bool has_origin = die.has(At::abstract_origin) || die.has(At::specification);
  const StringRef own_name = in_function ? name_of(die, context) : qualified(die, context);
  const EntityIndex entity = add_entity(die, context, has_origin ? 0 : own_name, may_be_origin);
  if (die.has(At::type)) facts_.entities[entity].type = types_.type_of(die);
  if (in_function) facts_.entities[entity].owner = around.function;
  if (die.flag(At::declaration) && around.kind != Scope::Kind::composite)
    facts_.declared_variables.push_back(entity);
  if (die.has(At::location)) read_location(die, context, entity);
}

void UnitReader::read_location(const Die& die, const UnitContext& context, EntityIndex entity) {
  const AttributeValue& value = die[At::location];
  const Scope& around = scopes_.back();
  const bool is_artificial = die.flag(At::artificial) && die.tag == DW_TAG_variable;
  const auto take = [&](std::span<const std::byte> expression, PcRange range) {
    const Place place = place_of(context.unit, expression);
    if (place.kind == Place::Kind::in_register) functions_.back().draft.is_optimised = true;
    if (place.kind == Place::Kind::value && !is_artificial) {
      note_computed(place, range, entity);
    } else if (place.kind == Place::Kind::unknown) {
      note_parts(context.unit, expression, range, entity);
    } else {
      convert(place, range);
    }
  };
  pieces_.clear();
  if (value.kind == ValueClass::block) {
    const std::span<const std::byte> expression{value.bytes, value.number};
    if (file_static(place_of(context.unit, expression), entity)) return;
    if (file_pieces(context.unit, expression, entity) || functions_.empty()) return;
    take(expression, {0, ~std::uint64_t{0}});
  } else {
    if (functions_.empty() || around.range_count == 0) return;
    functions_.back().draft.is_optimised = true;
    entries_.clear();
    read_location_list(context.unit, value, entries_);
    for (const LocationEntry& entry : entries_) take(entry.expression, entry.range);
  }
  if (pieces_.empty()) return;
  VariableDraft draft;
  draft.entity = entity;
  draft.inlined = around.inlined;
  draft.is_formal = die.tag == DW_TAG_formal_parameter;
  draft.piece_count = keep_pieces(draft.first_piece);
  if (is_artificial) {
    artificial_[die.key] = {draft.first_piece, draft.piece_count, entity};
    if (!units_refer_to_others_) artificial_of_unit_.push_back(die.key);
    entities_of_unit_.keep(entity);
    if (!die.has(At::name)) return;
  }
  const bool has_slot = facts_.pieces[draft.first_piece].kind != types::LocationKind::computed;
  if (has_slot && value.kind == ValueClass::block && around.kind == Scope::Kind::block &&
      around.inlined == kNoEntity) {
    pieces_.clear();
    convert_for_function(place_of(context.unit, {value.bytes, value.number}));
    draft.whole_piece_count = keep_pieces(draft.first_whole_piece);
  }
  functions_.back().variables.push_back(draft);
}

std::uint32_t UnitReader::keep_pieces(std::uint32_t& first) {
  tidy(pieces_);
  first = static_cast<std::uint32_t>(facts_.pieces.size());
  facts_.pieces.insert(facts_.pieces.end(), pieces_.begin(), pieces_.end());
  return static_cast<std::uint32_t>(pieces_.size());
}

// The same place in all of the function's code.
void UnitReader::convert_for_function(const Place& place) {
  const OpenFunction& function = functions_.back();
  for (const PcRange& piece :
       std::span{facts_.ranges}.subspan(function.draft.first_range, function.draft.range_count)) {
    FrameConverter{frames_, facts_.expressions, function.draft.frame_base, piece}.convert(
        place, piece, pieces_);
  }
}

bool UnitReader::file_static(const Place& place, EntityIndex entity) {
  const bool is_thread_local = place.kind == Place::Kind::thread_local_;
  if (place.kind != Place::Kind::address && !is_thread_local) return false;
  if (file_alloca_type(place, entity)) return true;
  auto value = static_cast<std::uint64_t>(place.value);
  if (is_thread_local) value = offset_in_tls(value);
  facts_.statics.push_back({entity, value, is_thread_local});
  return true;
}

// Those at fixed addresses of a variable that the optimiser took apart: `static struct { int size; int *data; } table;` may
// become two variables.
bool UnitReader::file_pieces(const Unit& unit, std::span<const std::byte> expression,
                             EntityIndex entity) {
  bool any = false;
  for (const ExpressionPiece& piece : pieces_of(expression)) {
    const Place place = place_of(unit, piece.expression);
    if (place.kind != Place::Kind::address || piece.size == 0) continue;
    facts_.statics.push_back(
        {entity, static_cast<std::uint64_t>(place.value), false, piece.offset, piece.size});
    any = true;
  }
  return any;
}

// A constant of ours is no variable of the program's; its type is read off at the end.
bool UnitReader::file_alloca_type(const Place& place, EntityIndex entity) {
  const auto kind = types::parse_alloca_type_name(strings_[facts_.entities[entity].name]);
  if (!kind || place.kind != Place::Kind::address) return false;
  facts_.alloca_types.push_back(
      {static_cast<std::uint64_t>(place.value), *kind, facts_.entities[entity].type, kNoType});
  return true;
}

// gcc 12 relocates the addresses that it splits off like any others: of thread-locals they are link addresses, in the TLS segment.
// No offset in that segment is as large as its size.
std::uint64_t UnitReader::offset_in_tls(std::uint64_t value) const {
  for (const Segment& segment : files_.object->segments()) {
    if (segment.type == PT_TLS && value >= segment.memory_size &&
        value - segment.address < segment.memory_size)
      return value - segment.address;
  }
  return value;
}

// An optimiser keeps `struct { int count; struct item **items; } stack;` in two registers, if it can.
void UnitReader::note_parts(const Unit& unit, std::span<const std::byte> expression, PcRange within,
                            EntityIndex entity) {
  constexpr std::uint64_t kPointer = 8;  // bytes
  for (const ExpressionPiece& piece : pieces_of(expression)) {
    if (piece.size != kPointer || piece.expression.empty()) continue;
    const Place place = place_of(unit, piece.expression);
    if (place.kind == Place::Kind::value) {
      note_computed(place, within, entity, static_cast<std::uint32_t>(piece.offset));
      continue;
    }
    const std::size_t first = pieces_.size();
    convert(place, within);
    for (const types::LocationPiece& where : std::span{pieces_}.subspan(first)) {
      const bool is_plain = where.kind == types::LocationKind::in_register ||
                            where.kind == types::LocationKind::memory;
      if (is_plain) facts_.parts.push_back({entity, piece.offset, where});
    }
    pieces_.resize(first);
  }
}

void UnitReader::convert(const Place& place, PcRange within) {
  if (place.kind == Place::Kind::unknown) return;
  for_each_stretch(within, [&](PcRange stretch, PcRange piece) {
    FrameConverter{frames_, facts_.expressions, functions_.back().draft.frame_base, piece}.convert(
        place, stretch, pieces_);
  });
}

void UnitReader::note_computed(const Place& place, PcRange within, EntityIndex entity,
                               std::optional<std::uint32_t> part) {
  const RegisterSum sum = sum_of_registers(place.expression);
  if (sum.registers == 0) return;
  ComputedValue value{.entity = entity,
                      .part = part,
                      .registers = sum.registers,
                      .stepped = stepped_address(place.expression)};
  if (sum.addend && std::in_range<std::int32_t>(*sum.addend))
    value.addend = static_cast<std::int32_t>(*sum.addend);
  for_each_stretch(within, [&](PcRange stretch, PcRange) {
    value.low = stretch.low;
    value.length = static_cast<std::uint32_t>(stretch.high - stretch.low);
    facts_.computed_values.push_back(value);
  });
}

// The parts of the scope's code that are `within`, each with the function's piece that it lies in.
template <typename Visit>
void UnitReader::for_each_stretch(PcRange within, Visit&& visit) const {
  const Scope& around = scopes_.back();
  const OpenFunction& function = functions_.back();
  const std::span function_ranges =
      std::span{facts_.ranges}.subspan(function.draft.first_range, function.draft.range_count);
  for (std::uint32_t i = 0; i < around.range_count; ++i) {
    const PcRange& scope = scope_ranges_[around.first_range + i];
    for (const PcRange& piece : function_ranges) {
      const std::uint64_t low = std::max({scope.low, within.low, piece.low});
      const std::uint64_t high = std::min({scope.high, within.high, piece.high});
      if (low < high) visit(PcRange{low, high}, piece);
    }
  }
}

}  // namespace allocs::meta
