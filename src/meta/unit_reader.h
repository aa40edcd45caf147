// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "meta/allocate_code.h"
#include "meta/call_frames.h"
#include "meta/dwarf_facts.h"
#include "meta/locations.h"
#include "meta/type_entries.h"
#include "meta/unit_entities.h"

namespace allocs::meta {

// Walks the entries of one unit after another and files what they say in a DwarfFacts. One object for all units of an
// object.
class UnitReader {
 public:
  // `units_refer_to_others`: some entry may, to one of another unit.
  UnitReader(const ReadingOptions& options, bool units_refer_to_others, const ObjectFiles& files,
             DwarfFacts& facts, types::StringPool& strings, CallFrames& frames);

  // False if the unit ended before its time.
  bool read(Unit& unit, const SignatureTable& signatures);
  // After the last unit: follows the origins.
  void settle();

 private:
  // What the entries under one entry belong to.
  struct Scope {
    enum class Kind : std::uint8_t {
      other,
      composite,
      enumeration,
      array,
      signature,
      function,
      block
    };
    Kind kind = Kind::other;
    bool is_transparent = false;  // its children belong to the scope around it
    TypeEntries::Open type;       // composite ... function
    bool has_type = false;        // of a function: its signature is being read
    types::TypeIndex late_prefix =
        types::kNoType;                // the type around, if its name is in another unit
    types::StringRef prefix = 0;       // of the names in it
    EntityIndex function = kNoEntity;  // the innermost function around, inlined ones included
    EntityIndex inlined = kNoEntity;   // the same if that is an inlined one
    std::uint32_t first_range = 0;     // its code, in scope_ranges_
    std::uint32_t range_count = 0;
    std::uint32_t code_scope = types::kNoRecord;  // the innermost around, in facts_.scopes
    types::TypeIndex flexible = types::kNoType;   // the structure of a site mark that this is
    types::TypeIndex one_of = types::kNoType;     // ... the union
  };
  // A function with code whose entries are being read; they nest in some languages.
  struct OpenFunction {
    FunctionDraft draft;
    std::vector<VariableDraft> variables;
    std::size_t depth = 0;  // of its scope
  };

  void end_unit();
  void fold_types_if_due();
  void enter(const Die& die, const UnitContext& context, Scope& scope);
  void leave();
  void abandon();

  void open_function(const Die& die, const UnitContext& context, Scope& scope);
  void close_function();
  Place frame_base_of(const AttributeValue& base, const Unit& unit);
  void open_inlined(const Die& die, const UnitContext& context, Scope& scope);
  bool is_of_other_variants(const Die& die, const UnitContext& context);
  void note_table_argument(const Die& die);
  void add_table_arguments();
  void await_return_type(const Die& die, types::TypeIndex signature);
  void open_block(const Die& die, const UnitContext& context, Scope& scope);
  void read_scope_ranges(const Die& die, const UnitContext& context, Scope& scope);
  std::span<const PcRange> ranges_of(const Scope& scope) const {
    return std::span{scope_ranges_}.subspan(scope.first_range, scope.range_count);
  }
  void keep_code_scope(const Die& die, const UnitContext& context, Scope& scope);
  void read_site_mark(const Die& die, const UnitContext& context, types::StringRef name);
  void read_call_type(const Die& die, const UnitContext& context);
  void read_flexible_member(const Die& die, types::TypeIndex record);
  void read_alternative(const Die& die, types::TypeIndex record);
  void read_variable(const Die& die, const UnitContext& context);
  void read_location(const Die& die, const UnitContext& context, EntityIndex entity);
  bool file_static(const Place& place, EntityIndex entity);
  bool file_pieces(const Unit& unit, std::span<const std::byte> expression, EntityIndex entity);
  void note_parts(const Unit& unit, std::span<const std::byte> expression, PcRange within,
                  EntityIndex entity);
  bool file_alloca_type(const Place& place, EntityIndex entity);
  types::TypeIndex pointee_of(types::TypeIndex node) const;
  void settle_tails();
  std::uint64_t offset_in_tls(std::uint64_t value) const;
  void convert(const Place& place, PcRange within);
  void note_computed(const Place& place, PcRange within, EntityIndex entity,
                     std::optional<std::uint32_t> part = std::nullopt);
  template <typename Visit>
  void for_each_stretch(PcRange within, Visit&& visit) const;
  void convert_for_function(const Place& place);
  std::uint32_t keep_pieces(std::uint32_t& first);  // moves pieces_ to the facts; returns how many

  void settle_counts();
  void find_counts(const FunctionDraft& function, VariableDraft& variable);
  void put_count(const FunctionDraft& function, const TypeEntries::RunTimeCount& count);
  void put_count_from_variable(const TypeEntries::RunTimeCount& count);

  EntityIndex add_entity(const Die& die, const UnitContext& context, types::StringRef name,
                         bool may_be_origin);
  types::StringRef name_of(const Die& die, const UnitContext& context);
  types::StringRef qualified(const Die& die, const UnitContext& context);
  types::StringRef tag_name(const Die& die, const UnitContext& context);

  ReadingOptions options_;
  bool units_refer_to_others_;
  const ObjectFiles& files_;
  DwarfFacts& facts_;
  types::StringPool& strings_;
  CallFrames& frames_;
  TypeEntries types_;
  types::TypeFolder folder_;
  std::size_t folded_entities_ = 0;  // whose types are of folded nodes
  OffsetTable entities_;
  UnitEntities entities_of_unit_;
  std::vector<Scope> scopes_;
  std::vector<OpenFunction> functions_;
  std::vector<PcRange> scope_ranges_;
  AllocateCodeReader allocate_code_;
  std::vector<LocationEntry> entries_;
  std::vector<types::LocationPiece> pieces_;
  // The compiler's own variables, which types may refer to.
  struct Artificial {
    std::uint32_t first_piece = 0;
    std::uint32_t piece_count = 0;
    EntityIndex entity = kNoEntity;
  };
  std::unordered_map<DieKey, Artificial> artificial_;
  std::vector<DieKey> artificial_of_unit_;
  std::unordered_map<DieKey, types::TypeIndex> table_arguments_;  // "__vtt_parm", by its type
  struct WithTable {
    EntityIndex function;
    types::TypeIndex table;
  };
  std::vector<WithTable> with_table_;
  std::size_t settled_with_table_ = 0;
  types::StringRef unit_name_ = 0;
  types::StringRef unit_directory_ = 0;
  bool keeps_code_scopes_ = false;
  bool has_long_binary128_ = false;  // some unit's `long double` is another than usual
  std::unordered_map<types::TypeIndex, types::TypeIndex> flexible_tails_;
  std::unordered_map<types::TypeIndex, std::vector<types::TypeIndex>> alternatives_;
  std::uint64_t default_language_ = 0;
};

}  // namespace allocs::meta
