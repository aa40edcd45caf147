// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "meta/call_frames.h"
#include "meta/die_stream.h"
#include "meta/locations.h"
#include "meta/range_lists.h"
#include "meta/split_units.h"
#include "types/site_id.h"
#include "types/write/fold_types.h"
#include "types/write/object_model.h"
#include "types/write/source_types.h"

namespace allocs::meta {

using EntityIndex = std::uint32_t;
inline constexpr EntityIndex kNoEntity = 0xFFFFFFFFu;

// Something with a name and a type: a function or a variable. An entry often tells only where it is and leaves the
// rest to the declaration or the abstract function that it comes from; `origin` is that one.
struct Entity {
  types::StringRef name = 0;  // qualified; of a variable in a function just its own
  types::StringRef linkage_name = 0;
  types::TypeIndex type = types::kNoType;         // of a function its signature
  types::TypeIndex return_type = types::kNoType;  // of a function, if it says
  types::StringRef file = 0;
  std::uint32_t line = 0;
  EntityIndex owner = kNoEntity;  // the function in which a variable is declared
  DieKey origin = kNoDie;
  bool is_external = false;
};

struct StaticDraft {
  EntityIndex entity = kNoEntity;
  std::uint64_t address = 0;  // or offset in the TLS segment
  bool is_thread_local = false;
  // If it is one piece of a variable that the optimiser took apart: bytes. Size 0: it is all of it.
  std::uint64_t piece_offset = 0;
  std::uint64_t piece_size = 0;
};

struct VariableDraft {
  EntityIndex entity = kNoEntity;
  EntityIndex inlined = kNoEntity;  // the function that is inlined here and has this variable
  bool is_formal = false;
  std::uint32_t first_piece = 0;
  std::uint32_t piece_count = 0;
  // For a variable of a lexical block that has one place for all of its scope: that place throughout the function. 0:
  // no such.
  std::uint32_t first_whole_piece = 0;
  std::uint32_t whole_piece_count = 0;
  // Of an array whose length is known at run time only: what gives the counts, in DwarfFacts::counts.
  std::uint32_t first_count = 0;
  std::uint32_t count_count = 0;
};

// One element count of such an array, as pieces of kind `value`.
struct CountDraft {
  std::uint32_t first_piece = 0;
  std::uint32_t piece_count = 0;
};

// During [low, low + length) a variable is nowhere, and its value is made of what these registers hold, and of no memory.
struct ComputedValue {
  EntityIndex entity = kNoEntity;
  std::optional<std::uint32_t> part = {};  // of a pointer's bytes in there alone: where they begin
  std::uint32_t registers = 0;             // bit r
  std::optional<SteppedAddress> stepped = {};
  std::uint64_t low = 0;
  std::uint32_t length = 0;
  std::optional<std::int32_t> addend = {};  // if the value is one register and this number
};

// During [where.low, where.high) a pointer's bytes of a variable that the optimiser took apart are there.
struct PartDraft {
  EntityIndex entity = kNoEntity;
  std::uint64_t offset = 0;    // bytes into the variable
  types::LocationPiece where;  // in a register, or in the frame
};

struct FunctionDraft {
  EntityIndex entity = kNoEntity;
  types::StringRef unit = 0;
  std::uint64_t entry = 0;
  Place frame_base;
  // Variables move about, live in registers or are inlined: a slot of the frame may then serve others out of its scope.
  bool is_optimised = false;
  std::uint32_t first_range = 0;
  std::uint32_t range_count = 0;
  std::uint32_t first_variable = 0;
  std::uint32_t variable_count = 0;
};

// The code of a function, or of one call of it that was inlined.
struct CodeScope {
  EntityIndex function = kNoEntity;
  std::uint32_t parent = types::kNoRecord;  // the scope that it was inlined into; else kNoRecord
  types::StringRef unit = 0;                // DW_AT_name of the compile unit ...
  types::StringRef directory = 0;           // ... and its DW_AT_comp_dir
  types::StringRef call_file = 0;           // where the call was that was inlined
  std::uint32_t call_line = 0;
  std::uint32_t call_column = 0;
  std::uint32_t call_discriminator = 0;
  std::uint32_t first_range = 0;
  std::uint32_t range_count = 0;
};

// A marker (types/site_id.h): what a site id of a unit stands for.
struct SiteMark {
  types::SiteMarker marker;
  std::uint64_t line_table = 0;               // of the unit: an offset in .debug_line
  types::TypeIndex type = types::kNoType;     // T; none of a wrapper's
  types::TypeIndex tail = types::kNoType;     // U[], where U[] follows T
  std::vector<types::TypeIndex> others = {};  // what it is if not T
};

// A constant that stands for the type of blocks of alloca (types/alloca_record.h).
struct AllocaType {
  std::uint64_t address = 0;
  types::SiteKind kind;
  types::TypeIndex type = types::kNoType;  // T, and what follows it: as of a SiteMark
  types::TypeIndex tail = types::kNoType;
  std::vector<types::TypeIndex> others = {};
};

// A call of which the compiler told what it allocates.
struct CallType {
  std::uint64_t return_address = 0;
  types::TypeIndex type = types::kNoType;  // T, of a T or of T[]
};

// Code of a standard allocator's `allocate`: where it was inlined, or the function itself.
struct AllocateCode {
  PcRange range;
  EntityIndex function = kNoEntity;
  // The unit whose equal functions the compiler may have made one, so that this may be the code of another; kNoRecord: it has not.
  std::uint32_t unit = types::kNoRecord;
};

// A standard allocator's `allocate`, and the unit that declares it.
struct AllocateFunction {
  EntityIndex function = kNoEntity;
  std::uint32_t unit = types::kNoRecord;
};

// What the debug information of one object says.
struct DwarfFacts {
  types::SourceTypes types;
  std::vector<Entity> entities;
  std::vector<StaticDraft> statics;
  std::vector<EntityIndex> declared_variables;  // external ones that are defined elsewhere
  std::vector<FunctionDraft> functions;
  std::vector<PcRange> ranges;
  std::vector<VariableDraft> variables;
  std::vector<types::LocationPiece>
      pieces;  // of `computed` and `value` ones the value is an offset in `expressions`
  std::vector<CountDraft> counts;
  std::vector<ComputedValue> computed_values;  // of variables that the program declares
  std::vector<PartDraft> parts;
  ExpressionPool expressions;
  std::vector<SiteMark> site_marks;
  std::vector<AllocaType> alloca_types;
  std::vector<CallType> call_types;
  std::vector<AllocateCode> allocate_code;
  std::vector<AllocateFunction> allocate_functions;
  bool tells_something = false;    // of any function or variable
  bool has_partial_units = false;  // units may share what they declare
  // Parents before what is inlined in them. Kept only if the object has a site list or site marks, which is what they are for.
  std::vector<CodeScope> scopes;
  std::vector<PcRange> scope_ranges;
  SplitFiles split;  // expressions may lie in them
};

struct ReadingOptions {
  bool types_only = false;
  std::size_t fold_after = types::TypeFolder::kUsualLeast;  // new nodes of types
};

// Reads all of it in one pass, and gives each entity what its origin says. Entities have no `origin` after that.
DwarfFacts read_debug_information(const ObjectFiles& files, const ReadingOptions& options,
                                  CallFrames& frames, types::StringPool& strings,
                                  Diagnostics& diag);

}  // namespace allocs::meta
