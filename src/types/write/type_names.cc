// SPDX-License-Identifier: Apache-2.0
#include "types/write/type_names.h"

#include <fmt/format.h>

#include "types/write/source_types.h"

namespace allocs::types {

namespace {

// A name longer than this is cut and told apart by its hash: hostile input could ask for one that grows without limit.
constexpr std::size_t kLongestName = 8192;

// The lower-case tails of DW_ATE_*, but "int" and "uint" for signed and unsigned.
std::string base_stem(std::uint8_t encoding) {
  constexpr const char* kStems[] = {"none",
                                    "address",
                                    "boolean",
                                    "complex_float",
                                    "float",
                                    "int",
                                    "signed_char",
                                    "uint",
                                    "unsigned_char",
                                    "imaginary_float",
                                    "packed_decimal",
                                    "numeric_string",
                                    "edited",
                                    "signed_fixed",
                                    "unsigned_fixed",
                                    "decimal_float",
                                    "utf",
                                    "ucs",
                                    "ascii"};
  if (encoding < std::size(kStems)) return kStems[encoding];
  return fmt::format("encoding_{:x}", encoding);
}

constexpr std::uint8_t kComplexFloat = 3;  // DW_ATE_complex_float

// Of numbers whose size does not say their format: that instead of "float".
std::string float_stem(const TypeRecord& type) {
  constexpr const char* kFormats[] = {"float", "binary128", "bfloat16", "unclear_float"};
  const char* format = kFormats[static_cast<unsigned>(float_format(type.flags))];
  return fmt::format("{}{}", type.detail == kComplexFloat ? "complex_" : "", format);
}

std::string base_type_name(const TypeRecord& type) {
  const std::uint64_t bits = type.bit_size != 0 ? type.bit_size : type.size * 8;
  const bool is_plain = float_format(type.flags) == FloatFormat::by_size;
  std::string name = fmt::format("{}{}${}", (type.flags & kTypeBigEndian) != 0 ? "big_endian_" : "",
                                 is_plain ? base_stem(type.detail) : float_stem(type), bits);
  if (type.bit_size != 0) name += fmt::format("${}", type.bit_offset);
  return name;
}

// Compilers differ in what they call complex numbers ("complex double", "complex"), so this does; "" where it cannot.
const char* complex_word(const TypeRecord& type) {
  switch (float_format(type.flags)) {
    case FloatFormat::binary128:
      return "_Complex _Float128";
    case FloatFormat::bfloat16:
      return "_Complex __bf16";
    case FloatFormat::unclear:
      return "";
    case FloatFormat::by_size:
      break;
  }
  return type.size == 4    ? "_Complex _Float16"
         : type.size == 8  ? "_Complex float"
         : type.size == 16 ? "_Complex double"
         : type.size > 16  ? "_Complex long double"
                           : "";
}

// The C word for a bit-field's declared type, which is gone: its size tells which it was.
std::string bit_field_word(const TypeRecord& type) {
  constexpr std::uint8_t kBoolean = 2, kSigned = 5, kSignedChar = 6;
  if (type.detail == kBoolean) return "_Bool";
  const bool is_signed = type.detail == kSigned || type.detail == kSignedChar;
  const char* word = type.size == 1   ? "char"
                     : type.size == 2 ? "short"
                     : type.size == 4 ? "int"
                     : type.size == 8 ? "long"
                                      : "__int128";
  if (type.size == 1) return is_signed ? "signed char" : "unsigned char";
  return is_signed ? word : std::string("unsigned ") + word;
}

class Namer {
 public:
  Namer(TypeTables& tables, StringPool& strings)
      : tables_(tables), strings_(strings), state_(tables.types.size(), State::unnamed) {}

  // Names what `start` is built from before it. Terms end at tagged types, so this ends; a cycle without one, which
  // only damaged input has, is cut at the type it comes back to.
  void name(TypeIndex start) {
    stack_.push_back(start);
    while (!stack_.empty()) {
      const TypeIndex at = stack_.back();
      if (state_[at] == State::named) {
        stack_.pop_back();
      } else if (state_[at] == State::unnamed) {
        state_[at] = State::open;
        const TypeRecord& type = tables_.types[at];
        if (type.kind == Kind::composite || type.kind == Kind::enumeration) continue;
        push(type.target);
        for (const MemberRecord& argument : tables_.members_of(type)) push(argument.type);
      } else {
        state_[at] = State::named;
        stack_.pop_back();
        tables_.types[at].name = strings_.add(canonical_name(tables_.types[at], tables_, strings_));
      }
    }
  }

 private:
  enum class State : std::uint8_t { unnamed, open, named };
  void push(TypeIndex type) {
    if (type != kNoType && state_[type] == State::unnamed) stack_.push_back(type);
  }

  TypeTables& tables_;
  StringPool& strings_;
  std::vector<State> state_;
  std::vector<TypeIndex> stack_;
};

}  // namespace

std::string canonical_name(const TypeRecord& type, const TypeTables& tables,
                           const StringPool& strings) {
  const auto name_of = [&](TypeIndex index) {
    return index == kNoType ? std::string_view{"void"} : strings[tables.types[index].name];
  };
  std::string name;
  switch (type.kind) {
    case Kind::void_:
      return "void";
    case Kind::base:
      return base_type_name(type);
    case Kind::array:
      name = fmt::format("__ARR{}_{}", type.count == kUnbounded ? 0 : type.count,
                         name_of(type.target));
      break;
    case Kind::address: {
      constexpr const char* kPrefix[] = {"__PTR_", "__REF_", "__RR_", "__MEMPTR_"};
      name = fmt::format("{}{}", kPrefix[type.detail & 3], name_of(type.target));
      break;
    }
    case Kind::subprogram: {
      name = "__FUN_FROM_";
      std::size_t number = 0;
      for (const MemberRecord& argument : tables.members_of(type)) {
        name += fmt::format("__ARG{}_{}", number++, name_of(argument.type));
        if (name.size() > kLongestName) break;
      }
      if ((type.flags & kTypeVariadic) != 0) name += "__VA_";
      name += fmt::format("__FUN_TO_{}", name_of(type.target));
      break;
    }
    case Kind::subrange: {
      const auto low = static_cast<std::int64_t>(tables.members_of(type)[0].offset);
      name = fmt::format("__SUBR{}_{}_{}", low, type.count, name_of(type.target));
      break;
    }
    default:
      return std::string{strings[type.name]};
  }
  if (name.size() > kLongestName)
    name = fmt::format("{}_{:016x}", name.substr(0, 64), type.hash.low);
  return name;
}

void name_types(TypeTables& tables, StringPool& strings, std::span<const StringRef> spelling) {
  Namer namer{tables, strings};
  for (TypeIndex index = 0; index < tables.types.size(); ++index) namer.name(index);
  // Names are final below this line; base types get their human ones first, since the others are written with them.
  for (TypeIndex index = 0; index < tables.types.size(); ++index) {
    TypeRecord& type = tables.types[index];
    if (type.kind != Kind::base && type.kind != Kind::subrange) continue;
    const StringRef word = index < spelling.size() ? spelling[index] : 0;
    type.human_name = word != 0 ? word : type.name;
    const char* const order = (type.flags & kTypeBigEndian) != 0 ? kBigEndianWord : "";
    if (type.detail == kComplexFloat && complex_word(type)[0] != '\0')
      type.human_name = strings.add(fmt::format("{}{}", order, complex_word(type)));
    if (type.bit_size == 0) continue;
    type.human_name =
        strings.add(fmt::format("{}{}:{}", order, bit_field_word(type), type.bit_size));
  }
  const Speller speller{tables, strings};
  const auto is_tagged = [](const TypeRecord& type) {
    return type.kind == Kind::composite || type.kind == Kind::enumeration;
  };
  for (TypeIndex index = 0; index < tables.types.size(); ++index) {
    TypeRecord& type = tables.types[index];
    if (is_tagged(type)) type.human_name = strings.add(speller.spell(index));
  }
  for (TypeIndex index = 0; index < tables.types.size(); ++index) {
    TypeRecord& type = tables.types[index];
    if (type.human_name == 0) type.human_name = strings.add(speller.spell(index));
  }
}

}  // namespace allocs::types
