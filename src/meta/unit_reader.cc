// SPDX-License-Identifier: Apache-2.0
//
// One pass over the entries, with a stack of the scopes that are open. Types are referred to by node before they are
// read; names and types of functions and variables may come from entries anywhere in the object, so they are put
// together at the end.
#include "meta/unit_reader.h"

#include <algorithm>
#include <utility>

#include "meta/site_lists.h"
#include "meta/source_language.h"

namespace allocs::meta {

using types::kNoType;
using types::StringRef;

namespace {

// Whether the text is among, or in, those that entries refer to.
bool has_text(const ObjectFiles& files, std::string_view sought) {
  const auto has_in = [&](const ElfFile& file) {
    const std::span<const std::byte> names = DebugSections{file}.str;
    const std::string_view text{reinterpret_cast<const char*>(names.data()), names.size()};
    return text.find(sought) != text.npos;
  };
  return has_in(files.with_debug_information()) || (files.alternate && has_in(*files.alternate));
}

// Whether the name of a site mark is among them.
bool has_site_marks(const ObjectFiles& files) { return has_text(files, types::kSiteMarkerPrefix); }

}  // namespace

UnitReader::UnitReader(const ReadingOptions& options, bool units_refer_to_others,
                       const ObjectFiles& files, DwarfFacts& facts, types::StringPool& strings,
                       CallFrames& frames)
    : options_(options),
      units_refer_to_others_(units_refer_to_others),
      files_(files),
      facts_(facts),
      strings_(strings),
      frames_(frames),
      types_(facts.types, strings),
      entities_of_unit_(facts),
      allocate_code_(facts, strings, entities_, units_refer_to_others),
      keeps_code_scopes_(site_list_section(files) != nullptr || has_site_marks(files)),
      has_long_binary128_(has_text(files, kLongDoubleIsBinary128)) {}

bool UnitReader::read(Unit& unit, const SignatureTable& signatures) {
  DieStream stream{unit, signatures};
  if (unit.language != 0 && default_language_ == 0) default_language_ = unit.language;
  UnitFiles files{unit, strings_};
  const std::uint64_t language = unit.language != 0 ? unit.language : default_language_;
  const UnitContext context{
      unit,
      files,
      is_c(language),
      first_index_of(language),
      is_fortran(language),
      {is_fortran(language), format_of_long_double(unit.producer, has_long_binary128_)}};
  entities_of_unit_.begin();
  unit_name_ = strings_.add(unit.name);
  unit_directory_ = strings_.add(unit.directory);
  scopes_.assign(1, Scope{});
  functions_.clear();
  scope_ranges_.clear();
  allocate_code_.begin_unit(unit.producer);
  Die die;
  while (stream.next(die)) {
    if (die.tag == 0) {
      if (scopes_.size() > 1) leave();
      continue;
    }
    switch (die.tag) {
      case DW_TAG_call_site:
      case DW_TAG_GNU_call_site:
        if (die.has(At::alloc_type)) read_call_type(die, context);
        stream.skip_children(die);
        continue;
      default:
        break;
    }
    if (die.tag == DW_TAG_partial_unit) facts_.has_partial_units = true;
    Scope scope;
    const Scope& around = scopes_.back();
    scope.prefix = around.prefix;
    scope.late_prefix = around.late_prefix;
    scope.function = around.function;
    scope.inlined = around.inlined;
    scope.first_range = around.first_range;
    scope.range_count = around.range_count;
    scope.code_scope = around.code_scope;
    enter(die, context, scope);
    scopes_.push_back(scope);
    if (!die.has_children) leave();
  }
  const bool whole = !stream.damaged();
  if (!whole) abandon();
  while (scopes_.size() > 1) leave();
  allocate_code_.end_unit();
  facts_.tells_something = facts_.tells_something || !facts_.entities.empty();
  if (!units_refer_to_others_) end_unit();
  fold_types_if_due();
  return whole;
}

// Its entries are not needed any more.
void UnitReader::end_unit() {
  settle_origins(facts_, entities_, entities_of_unit_.first());
  entities_of_unit_.drop_the_rest();
  for (WithTable& each : std::span{with_table_}.subspan(settled_with_table_))
    each.function = entities_of_unit_.now_at(each.function);
  settled_with_table_ = with_table_.size();
  for (const DieKey key : artificial_of_unit_) {
    EntityIndex& entity = artificial_[key].entity;
    entity = entities_of_unit_.now_at(entity);
  }
  artificial_of_unit_.clear();
  table_arguments_.clear();
  entities_.clear();
  types_.forget_entries();
}

// What `die` opens; entries without children are closed at once.
void UnitReader::enter(const Die& die, const UnitContext& context, Scope& scope) {
  const Scope& around = scopes_.back();
  using Kind = Scope::Kind;
  switch (die.tag) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type: {
      const StringRef name = tag_name(die, context);
      if (strings_[name] == types::kFlexibleRecordName) {
        scope.flexible = types_.node_of(die.key);
        return;
      }
      if (strings_[name] == types::kOneOfRecordName) {
        scope.one_of = types_.node_of(die.key);
        return;
      }
      scope.kind = Kind::composite;
      scope.type = types_.open_composite(die, context, name);
      if (around.late_prefix != kNoType) types_.qualify_later(scope.type.node, around.late_prefix);
      if (!context.is_c && name != 0) scope.prefix = name;
      if (!context.is_c && name == 0 && die.reference(At::signature) != kNoDie) {
        scope.late_prefix = types_.node_of(die.reference(At::signature));
        scope.prefix = 0;
      }
      return;
    }
    case DW_TAG_enumeration_type:
      scope.kind = Kind::enumeration;
      scope.type = types_.open_enumeration(die, context, tag_name(die, context));
      if (around.late_prefix != kNoType) types_.qualify_later(scope.type.node, around.late_prefix);
      return;
    case DW_TAG_array_type:
      scope.kind = Kind::array;
      scope.type = types_.open_array(die);
      return;
    case DW_TAG_subroutine_type:
      scope.kind = Kind::signature;
      scope.type = types_.open_signature(die, context, kNoType);
      return;
    case DW_TAG_namespace:
    case DW_TAG_module: {
      StringRef name = qualified(die, context);
      if (!die.has(At::name)) {
        const std::string outer =
            scope.prefix == 0 ? "" : std::string{strings_[scope.prefix]} + "::";
        name = strings_.add(outer + "(anonymous namespace)");
      }
      scope.prefix = name;
      return;
    }
    case DW_TAG_member:
      if (around.flexible != kNoType) return read_flexible_member(die, around.flexible);
      if (around.one_of != kNoType) return read_alternative(die, around.one_of);
      if (around.kind != Kind::composite) return;
      if (die.flag(At::declaration) ||
          (die.flag(At::external) && !die.has(At::data_member_location))) {
        add_entity(die, context, qualified(die, context), true);  // a static member
      } else {
        types_.add_member(die, around.type, context);
      }
      return;
    case DW_TAG_inheritance:
      if (around.kind == Kind::composite) types_.add_base_class(die);
      return;
    case DW_TAG_enumerator:
      if (around.kind == Kind::enumeration) types_.add_enumerator(die, context);
      return;
    case DW_TAG_subrange_type:
    case DW_TAG_generic_subrange:
      if (around.kind == Kind::array) {
        types_.add_dimension(die, context, scopes_.back().type);
      } else {
        types_.read_simple(die, context, name_of(die, context));
      }
      return;
    case DW_TAG_variant_part:
    case DW_TAG_variant:
    case DW_TAG_GNU_formal_parameter_pack:
    case DW_TAG_common_block: {
      const StringRef prefix = scope.prefix;
      scope = around;
      scope.prefix = prefix;
      scope.is_transparent = true;
      return;
    }
    case DW_TAG_unspecified_parameters:
      if (around.kind == Kind::signature || (around.kind == Kind::function && around.has_type)) {
        types_.add_ellipsis(around.type);
      }
      return;
    case DW_TAG_subprogram:
    case DW_TAG_entry_point:
      open_function(die, context, scope);
      return;
    case DW_TAG_inlined_subroutine:
      open_inlined(die, context, scope);
      return;
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
      open_block(die, context, scope);
      return;
    case DW_TAG_formal_parameter:
      if (around.kind == Kind::signature ||
          (around.kind == Kind::function && around.has_type && !is_of_other_variants(die, context)))
        types_.add_argument(die);
      if (around.kind == Kind::function && !around.has_type) note_table_argument(die);
      if (around.kind != Kind::signature) read_variable(die, context);
      return;
    case DW_TAG_variable:
      read_variable(die, context);
      return;
    default: {
      if (die.tag == DW_TAG_typedef && types::is_site_marker_name(strings_[name_of(die, context)]))
        return read_site_mark(die, context, name_of(die, context));
      const bool is_scoped = die.tag == DW_TAG_typedef || die.tag == DW_TAG_template_alias;
      types_.read_simple(die, context, is_scoped ? qualified(die, context) : name_of(die, context));
      return;
    }
  }
}

void UnitReader::leave() {
  const Scope scope = scopes_.back();
  if (scope.is_transparent) {
    scopes_.pop_back();
    return;
  }
  switch (scope.kind) {
    case Scope::Kind::composite:
      types_.close_composite(scope.type);
      break;
    case Scope::Kind::enumeration:
      types_.close_enumeration(scope.type);
      break;
    case Scope::Kind::array:
      types_.close_array(scope.type);
      break;
    case Scope::Kind::signature:
      types_.close_signature(scope.type);
      break;
    case Scope::Kind::function:
      if (scope.has_type) types_.close_signature(scope.type);
      if (!functions_.empty() && functions_.back().depth == scopes_.size()) close_function();
      break;
    default:
      break;
  }
  scopes_.pop_back();
  const Scope& around = scopes_.back();
  scope_ranges_.resize(around.first_range + around.range_count);
}

// The unit ended inside the open scopes: of their types nothing is known for sure.
void UnitReader::abandon() {
  while (scopes_.size() > 1) {
    const Scope scope = scopes_.back();
    leave();
    const bool has_type =
        scope.kind == Scope::Kind::function
            ? scope.has_type
            : scope.kind != Scope::Kind::other && scope.kind != Scope::Kind::block;
    if (has_type && !scope.is_transparent) types_.abandon(scope.type);
  }
}

void UnitReader::open_function(const Die& die, const UnitContext& context, Scope& scope) {
  scope.kind = Scope::Kind::function;
  const bool has_origin = die.has(At::abstract_origin) || die.has(At::specification);
  const StringRef name = has_origin ? 0 : qualified(die, context);
  const EntityIndex entity = add_entity(die, context, name, true);
  scope.function = entity;
  scope.inlined = kNoEntity;
  if (!context.is_c && name != 0) scope.prefix = name;
  if (die.has(At::type)) facts_.entities[entity].return_type = types_.type_of(die);
  if (!die.has(At::abstract_origin) && !die.flag(At::declaration)) {
    const types::TypeIndex node = facts_.types.add({});
    scope.has_type = true;
    scope.type = types_.open_signature(die, context, node);
    facts_.entities[entity].type = node;
    if (units_refer_to_others_ && !die.has(At::type)) await_return_type(die, node);
  }
  scope.first_range = static_cast<std::uint32_t>(scope_ranges_.size());
  scope.range_count = 0;
  if (options_.types_only) return;
  OpenFunction function;
  function.draft.first_range = static_cast<std::uint32_t>(facts_.ranges.size());
  read_pc_ranges(context.unit, die, scope_ranges_);
  // What the linker dropped still has entries, at addresses where there is no code.
  const auto dropped = [this](const PcRange& range) {
    const Section* section = files_.object->section_at(range.low);
    return section == nullptr || (section->flags & SHF_EXECINSTR) == 0 ||
           range.high - section->address > section->size;
  };
  scope_ranges_.erase(
      std::remove_if(scope_ranges_.begin() + scope.first_range, scope_ranges_.end(), dropped),
      scope_ranges_.end());
  scope.range_count = static_cast<std::uint32_t>(scope_ranges_.size()) - scope.first_range;
  if (scope.range_count == 0) return;
  function.draft.entity = entity;
  function.draft.unit = unit_name_;
  function.draft.entry = scope_ranges_[scope.first_range].low;
  if (die.has(At::low_pc))
    function.draft.entry = context.unit.address(die[At::low_pc]).value_or(function.draft.entry);
  if (die.has(At::ranges)) function.draft.entry = scope_ranges_[scope.first_range].low;
  function.draft.range_count = scope.range_count;
  facts_.ranges.insert(facts_.ranges.end(), scope_ranges_.begin() + scope.first_range,
                       scope_ranges_.end());
  if (die.has(At::frame_base))
    function.draft.frame_base = frame_base_of(die[At::frame_base], context.unit);
  function.depth = scopes_.size() + 1;
  functions_.push_back(std::move(function));
  scope.code_scope = types::kNoRecord;
  if (!context.is_c) allocate_code_.note(scope.function, ranges_of(scope));
  keep_code_scope(die, context, scope);
}

// A definition outside its class leaves the return type to the declaration inside, which may come later, or leave it to another.
void UnitReader::await_return_type(const Die& die, types::TypeIndex signature) {
  const DieKey specification = die.reference(At::specification);
  if (specification == kNoDie) return;
  const EntityIndex index = entities_.find(specification);
  if (index == OffsetTable::kAbsent || facts_.entities[index].origin != kNoDie) {
    facts_.types.singular.push_back(signature);
  } else if (facts_.entities[index].return_type != kNoType) {
    facts_.types.types[signature].target = facts_.entities[index].return_type;
  }
}

// DWARF 2 has no word for the canonical frame address: gcc lists what register it is how far from, and if that is what the call frame
// information says, the frame base is that address. Other lists are not followed.
Place UnitReader::frame_base_of(const AttributeValue& base, const Unit& unit) {
  if (base.kind == ValueClass::block) return place_of(unit, {base.bytes, base.number});
  std::vector<LocationEntry> entries;
  read_location_list(unit, base, entries);
  for (const LocationEntry& entry : entries) {
    const Place place = place_of(unit, entry.expression);
    if (place.kind != Place::Kind::register_offset) return {};
    const std::vector<CallFrameRow>& rows = frames_.rows(entry.range.low, entry.range.high);
    const auto fits = [&](const CallFrameRow& row) {
      return row.cfa_register == place.reg && row.cfa_offset == place.value;
    };
    if (rows.empty() || !std::all_of(rows.begin(), rows.end(), fits)) return {};
  }
  return entries.empty() ? Place{} : Place{Place::Kind::cfa_offset, 0, 0};
}

void UnitReader::close_function() {
  OpenFunction& function = functions_.back();
  function.draft.first_variable = static_cast<std::uint32_t>(facts_.variables.size());
  function.draft.variable_count = static_cast<std::uint32_t>(function.variables.size());
  facts_.variables.insert(facts_.variables.end(), function.variables.begin(),
                          function.variables.end());
  facts_.functions.push_back(function.draft);
  functions_.pop_back();
}

void UnitReader::open_inlined(const Die& die, const UnitContext& context, Scope& scope) {
  scope.kind = Scope::Kind::block;
  if (options_.types_only) return;
  scope.function = scope.inlined = add_entity(die, context, 0, false);
  if (!functions_.empty()) functions_.back().draft.is_optimised = true;
  read_scope_ranges(die, context, scope);
  if (functions_.empty()) return;
  if (!context.is_c) allocate_code_.note(scope.function, ranges_of(scope));
  keep_code_scope(die, context, scope);
}

void UnitReader::keep_code_scope(const Die& die, const UnitContext& context, Scope& scope) {
  if (!keeps_code_scopes_) return;
  CodeScope kept;
  kept.function = scope.function;
  kept.parent = scope.code_scope;
  kept.unit = unit_name_;
  kept.directory = unit_directory_;
  if (die.has(At::call_file)) kept.call_file = context.files[die[At::call_file].number];
  kept.call_line = static_cast<std::uint32_t>(die.constant(At::call_line).value_or(0));
  kept.call_column = static_cast<std::uint32_t>(die.constant(At::call_column).value_or(0));
  kept.call_discriminator =
      static_cast<std::uint32_t>(die.constant(At::call_discriminator).value_or(0));
  kept.first_range = static_cast<std::uint32_t>(facts_.scope_ranges.size());
  kept.range_count = scope.range_count;
  const auto ranges = ranges_of(scope);
  facts_.scope_ranges.insert(facts_.scope_ranges.end(), ranges.begin(), ranges.end());
  scope.code_scope = static_cast<std::uint32_t>(facts_.scopes.size());
  facts_.scopes.push_back(kept);
}

// A typedef that is none: no type has it as a name.
void UnitReader::read_site_mark(const Die& die, const UnitContext& context, StringRef name) {
  const auto marker = types::parse_site_marker(strings_[name]);
  if (!marker) return;
  SiteMark mark{*marker, context.unit.line_offset.value_or(0), kNoType, kNoType};
  if (die.has(At::type)) mark.type = types_.type_of(die);
  facts_.site_marks.push_back(mark);
}

// Of a call that is a jump there is no return address. GNU's entries, which came before DWARF 5, have it as DW_AT_low_pc.
void UnitReader::read_call_type(const Die& die, const UnitContext& context) {
  const At place = die.tag == DW_TAG_call_site ? At::call_return_pc : At::low_pc;
  const DieKey type = die.reference(At::alloc_type);
  if (!die.has(place) || type == kNoDie) return;
  const auto return_address = context.unit.address(die[place]);
  if (return_address) facts_.call_types.push_back({*return_address, types_.node_of(type)});
}

// T, then U[]: the node stands for T, and what follows is remembered.
void UnitReader::read_flexible_member(const Die& die, types::TypeIndex record) {
  types::TypeRecord& node = facts_.types.types[record];
  if (node.kind == types::kKindUnfilled) {
    types::TypeRecord head;
    head.kind = types::kKindQualifier;
    head.target = types_.type_of(die);
    facts_.types.types[record] = head;  // not `node`: what it is in may have moved
  } else {
    flexible_tails_[record] = types_.type_of(die);
    facts_.types.singular.push_back(record);
  }
}

// One of several types: the node stands for the first, and the others are remembered.
void UnitReader::read_alternative(const Die& die, types::TypeIndex record) {
  if (facts_.types.types[record].kind != types::kKindUnfilled) {
    alternatives_[record].push_back(types_.type_of(die));
    return;
  }
  types::TypeRecord first;
  first.kind = types::kKindQualifier;
  first.target = types_.type_of(die);
  facts_.types.types[record] = first;
  facts_.types.singular.push_back(record);
}

// gcc describes all variants of a constructor or destructor once, with an argument that says which is meant, and one that only those have
// that make a base class which has virtual bases. No variant of today's ABI takes the first.
bool UnitReader::is_of_other_variants(const Die& die, const UnitContext& context) {
  if (context.is_c || !die.flag(At::artificial)) return false;
  const std::string_view name = strings_[name_of(die, context)];
  if (name == "__vtt_parm") table_arguments_[die.key] = types_.type_of(die);
  return name == "__in_chrg" || name == "__vtt_parm";
}

// A variant that does take that table.
void UnitReader::note_table_argument(const Die& die) {
  const DieKey origin = die.reference(At::abstract_origin);
  if (origin == kNoDie || scopes_.back().function == kNoEntity) return;
  const auto found = table_arguments_.find(origin);
  if (found == table_arguments_.end()) return;
  with_table_.push_back({scopes_.back().function, found->second});
  entities_of_unit_.keep(scopes_.back().function);
}

// Its signature is that of the others, with the table behind `this`.
void UnitReader::add_table_arguments() {
  for (const auto& [function, table] : with_table_) {
    Entity& entity = facts_.entities[function];
    if (entity.type == kNoType) continue;
    types::SourceTypes& all = facts_.types;
    types::TypeRecord signature = all.types[entity.type];
    if (signature.kind != types::Kind::subprogram || signature.count == 0) continue;
    const auto old = all.members_of(signature);
    std::vector<types::MemberRecord> arguments{old.begin(), old.end()};
    arguments.insert(arguments.begin() + 1, types::MemberRecord{.type = table});
    signature.first = static_cast<std::uint32_t>(all.members.size());
    signature.count = arguments.size();
    all.members.insert(all.members.end(), arguments.begin(), arguments.end());
    entity.type = all.add(signature);
  }
}

void UnitReader::open_block(const Die& die, const UnitContext& context, Scope& scope) {
  scope.kind = Scope::Kind::block;
  if (die.has(At::low_pc) || die.has(At::ranges)) read_scope_ranges(die, context, scope);
}

void UnitReader::read_scope_ranges(const Die& die, const UnitContext& context, Scope& scope) {
  scope.first_range = static_cast<std::uint32_t>(scope_ranges_.size());
  if (!functions_.empty()) read_pc_ranges(context.unit, die, scope_ranges_);
  scope.range_count = static_cast<std::uint32_t>(scope_ranges_.size()) - scope.first_range;
}

EntityIndex UnitReader::add_entity(const Die& die, const UnitContext& context, StringRef name,
                                   bool may_be_origin) {
  const auto index = static_cast<EntityIndex>(facts_.entities.size());
  Entity entity;
  entity.name = name;
  entity.origin = die.reference(At::abstract_origin);
  if (entity.origin == kNoDie) entity.origin = die.reference(At::specification);
  if (die.has(At::linkage_name))
    entity.linkage_name = strings_.add(context.unit.text(die[At::linkage_name]));
  if (die.tag != DW_TAG_inlined_subroutine && die.tag != DW_TAG_formal_parameter) {
    if (die.has(At::decl_file)) entity.file = context.files[die[At::decl_file].number];
    if (die.has(At::decl_line)) entity.line = static_cast<std::uint32_t>(die[At::decl_line].number);
  }
  if (die.tag == DW_TAG_member) entity.type = types_.type_of(die);
  entity.is_external = die.flag(At::external);
  facts_.entities.push_back(entity);
  if (may_be_origin) entities_.find_or_add(die.key, index);
  return index;
}

StringRef UnitReader::name_of(const Die& die, const UnitContext& context) {
  return die.has(At::name) ? strings_.add(context.unit.text(die[At::name])) : 0;
}

StringRef UnitReader::qualified(const Die& die, const UnitContext& context) {
  const StringRef own = name_of(die, context);
  const StringRef prefix = scopes_.back().prefix;
  if (own == 0 || prefix == 0) return own;
  return strings_.add(std::string{strings_[prefix]}.append("::").append(strings_[own]));
}

// A type that was declared inside something and is described elsewhere is called as it was declared.
StringRef UnitReader::tag_name(const Die& die, const UnitContext& context) {
  const DieKey declaration = die.reference(At::specification);
  return declaration == kNoDie ? qualified(die, context) : types_.name_at(declaration);
}

void UnitReader::fold_types_if_due() {
  const std::size_t due_at =
      folder_.due_at(options_.fold_after) + types_.entry_count() / 4;  // which are renumbered, too
  if (facts_.types.types.size() < due_at) return;
  const std::size_t folded = folder_.size();
  const types::Renumbering moved = folder_.fold(facts_.types, strings_, units_refer_to_others_);
  types_.renumber(moved);
  // Entities that came before the last fold have types that are older, too.
  const std::size_t first = moved.first < folded ? 0 : folded_entities_;
  for (Entity& entity : std::span{facts_.entities}.subspan(first)) {
    entity.type = moved(entity.type);
    entity.return_type = moved(entity.return_type);
  }
  folded_entities_ = facts_.entities.size();
  for (SiteMark& mark : facts_.site_marks) mark.type = moved(mark.type);
  for (AllocaType& each : facts_.alloca_types) each.type = moved(each.type);
  for (CallType& call : facts_.call_types) call.type = moved(call.type);
  for (auto& [entry, type] : table_arguments_) type = moved(type);
  for (WithTable& each : with_table_) each.table = moved(each.table);
  std::unordered_map<types::TypeIndex, types::TypeIndex> tails;
  for (const auto& [record, tail] : flexible_tails_) tails.emplace(moved(record), moved(tail));
  flexible_tails_.swap(tails);
  decltype(alternatives_) alternatives;
  for (auto& [record, others] : alternatives_) {
    for (types::TypeIndex& type : others) type = moved(type);
    alternatives.emplace(moved(record), std::move(others));
  }
  alternatives_.swap(alternatives);
}

void UnitReader::settle() {
  types_.settle_names();
  types_.settle_complex_numbers();
  types_.settle_strides();
  allocate_code_.end();
  if (units_refer_to_others_) settle_origins(facts_, entities_, 0);
  add_table_arguments();
  settle_counts();
  settle_tails();
}

// T of a `T *` or a `T *const`.
types::TypeIndex UnitReader::pointee_of(types::TypeIndex node) const {
  const auto& all = facts_.types.types;
  if (node != kNoType && all[node].kind == types::kKindQualifier) node = all[node].target;
  return node != kNoType && all[node].kind == types::Kind::address ? all[node].target : kNoType;
}

// What follows T, and what it is if not T, is known by the node that stands for T.
void UnitReader::settle_tails() {
  const auto tail_of = [this](types::TypeIndex type) {
    const auto tail = flexible_tails_.find(type);
    return tail == flexible_tails_.end() ? kNoType : tail->second;
  };
  const auto others_of = [this](types::TypeIndex type) {
    const auto others = alternatives_.find(type);
    return others == alternatives_.end() ? std::vector<types::TypeIndex>{} : others->second;
  };
  for (SiteMark& mark : facts_.site_marks) {
    mark.tail = tail_of(mark.type);
    mark.others = others_of(mark.type);
  }
  for (AllocaType& each : facts_.alloca_types) {
    each.type = pointee_of(each.type);
    each.tail = tail_of(each.type);
    each.others = others_of(each.type);
  }
}

}  // namespace allocs::meta
