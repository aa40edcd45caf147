// SPDX-License-Identifier: Apache-2.0
//
// How many elements an array has whose length is known at run time only: the part of UnitReader that finds where that is told.
#include "meta/unit_reader.h"

namespace allocs::meta {

using types::kNoType;

// Types come behind the variables that have them, and what counts their elements behind them: only now can it be told.
void UnitReader::settle_counts() {
  if (types_.run_time_counts().empty()) return;
  for (const FunctionDraft& function : facts_.functions) {
    for (VariableDraft& variable :
         std::span{facts_.variables}.subspan(function.first_variable, function.variable_count)) {
      find_counts(function, variable);
    }
  }
}

// All of the counts of the variable's type, outermost first, or none.
void UnitReader::find_counts(const FunctionDraft& function, VariableDraft& variable) {
  constexpr int kDeepest = 64;
  variable.first_count = static_cast<std::uint32_t>(facts_.counts.size());
  types::TypeIndex node = facts_.entities[variable.entity].type;
  for (int level = 0; level < kDeepest && node != kNoType; ++level) {
    const types::TypeRecord& type = facts_.types.types[node];
    const bool is_spelling = type.kind == types::kKindTypedef || type.kind == types::kKindQualifier;
    if (!is_spelling && type.kind != types::Kind::array) break;
    if (const auto count = types_.run_time_counts().find(node);
        count != types_.run_time_counts().end()) {
      pieces_.clear();
      put_count(function, count->second);
      CountDraft draft;
      draft.piece_count = keep_pieces(draft.first_piece);
      facts_.counts.push_back(draft);
      if (draft.piece_count == 0) return facts_.counts.resize(variable.first_count);
    }
    node = type.target;
  }
  variable.count_count = static_cast<std::uint32_t>(facts_.counts.size()) - variable.first_count;
}

// Appends where and how the count is found in the function.
void UnitReader::put_count(const FunctionDraft& function, const TypeEntries::RunTimeCount& count) {
  if (count.variable != kNoDie) return put_count_from_variable(count);
  if (result_of(count.expression) == ExpressionResult::unusable) return;
  Place place;
  place.kind = Place::Kind::value;
  place.expression = count.expression;
  for (const PcRange& range :
       std::span{facts_.ranges}.subspan(function.first_range, function.range_count)) {
    FrameConverter{frames_, facts_.expressions, function.frame_base, range}.convert(place, range,
                                                                                    pieces_);
  }
  for (types::LocationPiece& piece : pieces_) {
    ExpressionBytes expression = facts_.expressions.at(static_cast<std::uint32_t>(piece.value));
    append_plus(expression, count.more);
    piece.value = facts_.expressions.add(expression);
  }
}

// The value of a variable, wherever it is.
void UnitReader::put_count_from_variable(const TypeEntries::RunTimeCount& count) {
  using types::LocationKind;
  const auto found = artificial_.find(count.variable);
  if (found == artificial_.end()) return;
  const types::TypeIndex type = facts_.entities[found->second.entity].type;
  if (type == kNoType) return;
  const std::uint64_t size = facts_.types.types[type].size;
  for (std::uint32_t i = 0; i < found->second.piece_count; ++i) {
    types::LocationPiece piece = facts_.pieces[found->second.first_piece + i];
    ExpressionBytes expression;
    bool is_in_memory = false;
    switch (piece.kind) {
      case LocationKind::memory:
        expression = cfa_plus(piece.value);
        is_in_memory = true;
        break;
      case LocationKind::memory_at_sp:
        expression = register_plus(kStackPointer, piece.value);
        is_in_memory = true;
        break;
      case LocationKind::memory_at_fp:
        expression = register_plus(kFramePointer, piece.value);
        is_in_memory = true;
        break;
      case LocationKind::in_register:
        expression = register_plus(static_cast<std::uint32_t>(piece.value), 0);
        break;
      case LocationKind::computed:
        expression = facts_.expressions.at(static_cast<std::uint32_t>(piece.value));
        is_in_memory = true;
        break;
      case LocationKind::value:
        expression = facts_.expressions.at(static_cast<std::uint32_t>(piece.value));
        break;
    }
    if (is_in_memory) {
      if (size == 0 || size > 8) continue;
      append_dereference(expression, size);
    }
    append_plus(expression, count.more);
    piece.kind = LocationKind::value;
    piece.value = facts_.expressions.add(expression);
    pieces_.push_back(piece);
  }
}

}  // namespace allocs::meta
