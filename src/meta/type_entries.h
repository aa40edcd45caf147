// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string_view>

#include "meta/dwarf_facts.h"
#include "meta/float_names.h"
#include "meta/line_header.h"
#include "meta/offset_table.h"
#include "types/write/fold_types.h"

namespace allocs::meta {

// Whose entries are read: the unit and what depends on it.
struct UnitContext {
  const Unit& unit;
  UnitFiles& files;
  bool is_c = false;              // one flat space of tags, written "struct x"
  std::uint64_t first_index = 0;  // of an array that does not say
  bool is_column_major = false;   // the first index of an array is the one of neighbours in memory
  FloatNaming floats{};
};

// Turns the entries of types into nodes of SourceTypes. The children of an entry are handed in as they come, between
// open_x and close_x, which nest.
class TypeEntries {
 public:
  TypeEntries(types::SourceTypes& types, types::StringPool& strings)
      : types_(types), strings_(strings) {}

  // The node of the type at `key`, which may not have been read yet; void for kNoDie.
  types::TypeIndex node_of(DieKey key);
  // Its name, if it has been read.
  types::StringRef name_at(DieKey key) { return types_.types[node_of(key)].name; }
  // What DW_AT_type refers to.
  types::TypeIndex type_of(const Die& die) { return node_of(die.reference(At::type)); }

  // An entry that is a type by itself: base types, pointers, typedefs, qualifiers ...; false if `die` is no such thing.
  bool read_simple(const Die& die, const UnitContext& context, types::StringRef name);

  // A list of things that belong to a type that is being read.
  struct Open {
    types::TypeIndex node = 0;
    std::uint32_t first = 0;
    std::uint64_t size = types::kUnknownSize;  // of a composite
  };
  Open open_composite(const Die& die, const UnitContext& context, types::StringRef name);
  void add_member(const Die& die, const Open& in, const UnitContext& context);
  void add_base_class(const Die& die);
  void close_composite(const Open& open);

  Open open_enumeration(const Die& die, const UnitContext& context, types::StringRef name);
  void add_enumerator(const Die& die, const UnitContext& context);
  void close_enumeration(const Open& open);

  Open open_array(const Die& die);
  void add_dimension(const Die& die, const UnitContext& context, const Open& array);
  void close_array(const Open& open);

  // What tells, at run time, how many elements an array type has: an expression, or a variable of the function.
  struct RunTimeCount {
    std::span<const std::byte> expression{};  // that gives a value
    DieKey variable = kNoDie;
    std::int64_t more = 0;  // to be added: an upper bound is the last index
  };
  // By the array type's node; one for each dimension of it that is so.
  const std::map<types::TypeIndex, RunTimeCount>& run_time_counts() const {
    return run_time_counts_;
  }

  // `node`: kNoType to take the one of the entry.
  Open open_signature(const Die& die, const UnitContext& context, types::TypeIndex node);
  void add_argument(const Die& die);
  void add_ellipsis(const Open& in);
  void close_signature(const Open& open);

  // A type whose children could not be read: nothing is known about what is in it.
  void abandon(const Open& open);

  // `node` is declared inside the type `scope`, whose name may not have been read yet.
  void qualify_later(types::TypeIndex node, types::TypeIndex scope) {
    nested_.emplace(node, scope);
    types_.singular.push_back(node);
  }
  // After folding.
  void renumber(const types::Renumbering& moved);
  // No unit that is still to be read refers to an entry that has been.
  void forget_entries() { nodes_.clear(); }
  std::size_t entry_count() const { return nodes_.size(); }
  // Names the types that continue a declaration elsewhere (DW_AT_specification) after it, and completes nested names.
  void settle_names();
  // Once all base types are known: what clang calls "complex" is unclear where the object has numbers of another format, too.
  void settle_complex_numbers();
  // Once all elements are known: arrays whose elements do not lie one behind the other as uniqtypes' do.
  void settle_strides();

 private:
  void fill(const Die& die, const types::TypeRecord& record);
  void settle_later(const Die& die, const UnitContext& context, types::TypeIndex node);
  void set_float_format(const Die& die, const UnitContext& context, types::TypeRecord& record);
  void place(const Die& die, const UnitContext& context, types::TypeRecord& record) const;
  types::TypeRecord described(const Die& die, const UnitContext& context) const;

  types::SourceTypes& types_;
  types::StringPool& strings_;
  OffsetTable nodes_;
  std::vector<types::MemberRecord> members_;  // of all open types, innermost last
  std::vector<types::SourceTypes::PendingBitField> bit_fields_;
  std::vector<types::EnumeratorRecord> enumerators_;
  struct Dimension {
    std::uint64_t count = types::kUnbounded;
    std::optional<RunTimeCount> run_time{};
    std::uint64_t stride = 0;  // as in Spaced
  };
  std::vector<Dimension> dimensions_;
  std::map<types::TypeIndex, RunTimeCount> run_time_counts_;
  struct Continued {
    types::TypeIndex node;
    types::TypeIndex declaration;
  };
  void qualify(types::TypeIndex node, int levels);
  // An array that says how far its elements are from each other, or how large it is.
  struct Spaced {
    types::TypeIndex array;
    std::uint64_t stride = 0;  // bits; 0: does not say; all ones: found at run time
    std::uint64_t size = 0;    // bytes; 0: does not say
  };
  void note_run_time_count(types::TypeIndex array, const RunTimeCount& count);
  void note_spacing(types::TypeIndex array, std::uint64_t stride, std::uint64_t size);
  std::optional<std::uint64_t> size_of(types::TypeIndex type) const;
  void pad_array(const Spaced& spaced, std::uint64_t unpadded);

  std::vector<Continued> continued_;
  std::vector<types::TypeIndex> nameless_complex_;
  std::vector<Spaced> spaced_;
  bool has_binary128_ = false;
  std::map<types::TypeIndex, types::TypeIndex> nested_;
};

}  // namespace allocs::meta
