// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "types/write/string_pool.h"
#include "types/write/type_tables.h"

namespace allocs::types {

// Kinds of node that exist only until types are merged.
inline constexpr Kind kKindUnfilled{0x80};   // referred to, not described (yet)
inline constexpr Kind kKindTypedef{0x82};    // name, target
inline constexpr Kind kKindQualifier{0x84};  // detail: Qualifier, target
inline constexpr Kind kKindBitField{0x86};   // a bit-field of type `target`: see PendingBitField

enum class Qualifier : std::uint8_t { none, const_, volatile_, restrict_, atomic };

// A flag of TypeRecord::flags that no image holds: the language writes "foo", not "struct foo".
inline constexpr std::uint8_t kTypeWithoutTagKeyword = 0x80;

// What stands before the names of big-endian base types: no language has a word for them, and the same name says the other order.
inline constexpr const char* kBigEndianWord = "big_endian ";

// Types as debug information tells them: one node an entry, typedefs and qualifiers among them, equal ones many times.
// Node 0 is void. Names are qualified by their scopes; an anonymous tagged type has the name 0. A declaration has
// kTypeIncomplete. Base types carry the spelling as name.
struct SourceTypes : TypeTables {
  // A declaration without a name, a place or a definition; `mark` is another text for each, and the same for the same one of another object
  // where that can be told.
  struct NamelessDeclaration {
    TypeIndex type = kNoType;
    StringRef mark = 0;
  };
  std::vector<NamelessDeclaration> nameless_declarations;

  // A bit-field's storage unit depends on the size of its base type, which may come later than the member.
  struct PendingBitField {
    std::uint32_t member = 0;       // its offset and type are still to be set
    TypeIndex bit_field = kNoType;  // the kKindBitField node
    std::uint64_t first_bit = 0;    // from the start of the composite
    std::uint64_t composite_size = kUnknownSize;
    bool counted_from_top =
        false;  // old DWARF: first_bit is the byte offset of a unit of `unit_size` bytes, in bits,
    std::uint64_t unit_size =
        0;  // and bits_from_top counts from that unit's highest bit; unit_size 0: the type's
    std::uint64_t bits_from_top = 0;
  };
  std::vector<PendingBitField> bit_fields;

  // Nodes by whose number something else is known that tells them from others. Folding (fold_types.h) uses it up.
  std::vector<TypeIndex> singular;

  SourceTypes();
  TypeIndex add(const TypeRecord& type) {
    types.push_back(type);
    return static_cast<TypeIndex>(types.size() - 1);
  }
};

bool is_anonymous_tag(const TypeRecord& type);

// Whether an anonymous tagged type may have its name from the typedef.
bool may_be_named_by(const TypeRecord& type, const TypeRecord& alias, const StringPool& strings);

// Names anonymous tagged types: after the typedef if exactly one gives a name to it, else from file and line.
void name_anonymous_types(SourceTypes& source, StringPool& strings);

// For each node the one that it stands for: behind typedefs and qualifiers; otherwise itself. A node that nothing
// described, or a typedef cycle, stands for void.
std::vector<TypeIndex> see_through_aliases(const SourceTypes& source);

// Turns every bit-field node into a base type of so many bits and places its member at its storage unit: of the size
// of the declared type, aligned to it, unless the field does not fit there.
void settle_bit_fields(SourceTypes& source, const std::vector<TypeIndex>& stands_for);

// How the source writes a type: "const struct foo *". Deep or long ones are cut short with "...".
class Speller {
 public:
  Speller(const TypeTables& tables, const StringPool& strings)
      : tables_(tables), strings_(strings) {}
  std::string spell(TypeIndex type) const;

 private:
  std::string declare(TypeIndex type, std::string inner, int depth) const;
  std::string arguments(const TypeRecord& type, int depth) const;

  const TypeTables& tables_;
  const StringPool& strings_;
  mutable int parts_ = 0;
};

// Gives each pointer to member the name of its class, in `file`; its entry had the class's index in `first`.
void name_member_classes(SourceTypes& source);

}  // namespace allocs::types
