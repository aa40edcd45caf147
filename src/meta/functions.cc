// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "meta/statics.h"
#include "types/alloca_record.h"

namespace allocs::meta {

using types::LocationKind;
using types::StringRef;

namespace {

struct CodePiece {
  PcRange range;
  std::uint32_t function;
};

// By address, none overlapping another: of functions whose code the linker folded into one, the first told keeps it.
std::vector<CodePiece> code_pieces(const DwarfFacts& facts) {
  std::vector<CodePiece> pieces;
  for (std::uint32_t index = 0; index < facts.functions.size(); ++index) {
    const FunctionDraft& draft = facts.functions[index];
    for (std::uint32_t i = 0; i < draft.range_count; ++i)
      pieces.push_back({facts.ranges[draft.first_range + i], index});
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.range.low < b.range.low; });
  std::uint64_t end = 0;
  std::erase_if(pieces, [&end](const CodePiece& piece) {
    if (piece.range.low < end || piece.range.high - piece.range.low > 0xFFFFFFFFu) return true;
    end = piece.range.high;
    return false;
  });
  return pieces;
}

// Where variables are in memory during some part of a function, relative to the canonical frame address.
struct FrameExtent {
  std::uint32_t variable;
  std::int64_t begin;
  std::int64_t end;
};

// At -O0 a compiler gives each variable a slot of its own for the whole activation. The variables of a lexical block
// then belong to the frame at every pc, in scope or not: the frame keeps its type while it runs, and their slots
// their names. But where a compiler lets blocks share a slot, a variable is only where its scope is.
class SlotUse {
 public:
  void add(std::uint32_t variable, std::span<const types::LocationPiece> pieces,
           std::uint64_t size) {
    if (size == types::kUnknownSize) return;
    for (const types::LocationPiece& piece : pieces) {
      if (piece.kind != types::LocationKind::memory) continue;
      const FrameExtent extent{variable, piece.value,
                               piece.value + static_cast<std::int64_t>(size)};
      if (std::ranges::find_if(extents_, [&](const FrameExtent& known) {
            return known.variable == variable && known.begin == extent.begin;
          }) == extents_.end()) {
        extents_.push_back(extent);
      }
    }
  }
  bool is_shared(std::uint32_t variable) const {
    return std::ranges::any_of(extents_, [&](const FrameExtent& mine) {
      return mine.variable == variable &&
             std::ranges::any_of(extents_, [&](const FrameExtent& other) {
               return other.variable != variable && other.begin < mine.end &&
                      mine.begin < other.end;
             });
    });
  }

 private:
  std::vector<FrameExtent> extents_;
};

}  // namespace

StringRef full_name(const DwarfFacts& facts, EntityIndex index, types::StringPool& strings) {
  const Entity& entity = facts.entities[index];
  if (entity.owner == kNoEntity || entity.name == 0) return entity.name;
  const StringRef owner = facts.entities[entity.owner].name;
  if (owner == 0) return entity.name;
  return strings.add(std::string{strings[owner]}.append("::").append(strings[entity.name]));
}

void collect_functions(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                       types::ObjectModel& model) {
  const auto type_of = [&](types::TypeIndex type) {
    return type == types::kNoType ? type : index_of[type];
  };
  const auto size_of = [&](types::TypeIndex type) {
    const types::TypeIndex index = type_of(type);
    return index == types::kNoType ? std::uint64_t{1} : model.types[index].size;
  };
  const auto slot_use = [&](const FunctionDraft& draft) {
    SlotUse slots;
    const std::span variables =
        std::span{facts.variables}.subspan(draft.first_variable, draft.variable_count);
    if (std::ranges::none_of(variables,
                             [](const VariableDraft& one) { return one.whole_piece_count != 0; }))
      return slots;
    for (std::uint32_t i = 0; i < variables.size(); ++i) {
      slots.add(i,
                std::span{facts.pieces}.subspan(variables[i].first_piece, variables[i].piece_count),
                size_of(facts.entities[variables[i].entity].type));
    }
    return slots;
  };
  // Pieces refer to expressions by where these are in the image.
  const auto first_expression = static_cast<std::int64_t>(model.locations.size());
  const std::vector<std::byte>& expressions = facts.expressions.bytes();
  model.locations.insert(model.locations.end(), expressions.begin(), expressions.end());
  std::vector<types::LocationPiece> inside;
  const auto put_inside = [&](std::span<const types::LocationPiece> pieces, PcRange range) {
    inside.clear();
    for (types::LocationPiece at : pieces) {
      at.low = std::max(at.low, range.low);
      at.high = std::min(at.high, range.high);
      if (at.kind == LocationKind::computed || at.kind == LocationKind::value)
        at.value += first_expression;
      if (at.low < at.high) inside.push_back(at);
    }
  };
  for (const CodePiece& piece : code_pieces(facts)) {
    const FunctionDraft& draft = facts.functions[piece.function];
    const Entity& entity = facts.entities[draft.entity];
    types::FunctionRecord record;
    record.low = piece.range.low;
    record.length = static_cast<std::uint32_t>(piece.range.high - piece.range.low);
    record.name = entity.name;
    record.unit = draft.unit;
    record.type = type_of(entity.type);
    record.first_variable = static_cast<std::uint32_t>(model.variables.size());
    const SlotUse slots = slot_use(draft);
    for (std::uint32_t i = 0; i < draft.variable_count; ++i) {
      const VariableDraft& variable = facts.variables[draft.first_variable + i];
      const bool is_whole =
          variable.whole_piece_count != 0 && !draft.is_optimised && !slots.is_shared(i);
      const std::span pieces = std::span{facts.pieces}.subspan(
          is_whole ? variable.first_whole_piece : variable.first_piece,
          is_whole ? variable.whole_piece_count : variable.piece_count);
      put_inside(pieces, piece.range);
      const Entity& named = facts.entities[variable.entity];
      if (inside.empty() || named.name == 0) continue;
      types::VariableRecord local;
      local.name = named.name;
      if (variable.inlined != kNoEntity) {
        const StringRef callee = facts.entities[variable.inlined].name;
        local.name = model.strings.add(
            std::string{model.strings[callee]}.append("::").append(model.strings[named.name]));
        local.flags |= types::kVariableInlined;
      }
      if (variable.is_formal) local.flags |= types::kVariableFormal;
      if (model.strings[named.name] == types::kAllocaHeadName)
        local.flags |= types::kVariableAllocaHead;
      local.type = type_of(named.type);
      local.locations = types::append_locations(model.locations, record.low, inside);
      const std::span counts =
          std::span{facts.counts}.subspan(variable.first_count, variable.count_count);
      if (!counts.empty()) {
        local.flags |= types::kVariableSized;
        types::append_uleb(model.locations, counts.size());
        for (const CountDraft& count : counts) {
          put_inside(std::span{facts.pieces}.subspan(count.first_piece, count.piece_count),
                     piece.range);
          types::append_locations(model.locations, record.low, inside);
        }
      }
      model.variables.push_back(local);
    }
    record.variable_count =
        static_cast<std::uint32_t>(model.variables.size()) - record.first_variable;
    model.functions.push_back(record);
  }
}

}  // namespace allocs::meta
