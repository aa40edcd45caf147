// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "text_writer.hpp"
#include "types.hpp"

namespace allocs::showing {

// DW_ATE_*
enum Encoding : unsigned { kBoolean = 2, kComplexFloat = 3, kFloat = 4, kSigned = 5, kSignedChar = 6, kUnsigned = 7, kUnsignedChar = 8, kUtf = 16 };

inline bool is_char(Type type) {
  if (type.kind() != UNIQTYPE_KIND_BASE || type.size() != 1) return false;
  const unsigned encoding = type.get()->un.base.enc;
  return encoding == kSignedChar || encoding == kUnsignedChar || encoding == kUtf;
}

// At most 16 bytes of a number, as this machine has it.
inline void put_in_order(Type type, char* bytes, std::size_t size) {
  if (!type.is_big_endian()) return;
  // Of complex numbers each part.
  const bool has_parts = type.kind() == UNIQTYPE_KIND_BASE && type.get()->un.base.enc == kComplexFloat;
  const std::size_t part = has_parts ? size / 2 : size;
  for (std::size_t at = 0; part != 0 && at + part <= size; at += part) {
    for (std::size_t i = 0; i < part / 2; ++i) {
      const char first = bytes[at + i];
      bytes[at + i] = bytes[at + part - 1 - i];
      bytes[at + part - 1 - i] = first;
    }
  }
}

inline std::uint64_t bits_of(const char* bytes, std::size_t size) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes, size < sizeof bits ? size : sizeof bits);
  return bits;
}

inline void put_enumerator(Writer& out, Type type, const char* bytes, std::size_t size) {
  const uniqtype& u = *type.get();
  const std::uint64_t bits = bits_of(bytes, size);
  const std::uint64_t mask = size < 8 ? (std::uint64_t{1} << 8 * size) - 1 : ~std::uint64_t{0};
  for (unsigned i = 0; i < u.un.enumeration.nenum; ++i) {
    if ((static_cast<std::uint64_t>(u.related[1 + i].un.enumerator.val) & mask) == bits)
      return out.put(uniqtype_enumerator_name(&u, i));
  }
  out.number(bits);
}

template <typename Real>
Real real_of(const char* bytes) {
  Real value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}
inline float of_binary32(std::uint64_t bits) {
  const auto word = static_cast<std::uint32_t>(bits);
  return real_of<float>(reinterpret_cast<const char*>(&word));
}
inline float of_binary16(std::uint64_t bits) {
  const std::uint64_t sign = bits >> 15 << 31, exponent = bits >> 10 & 31, fraction = bits & 0x3FF;
  if (exponent == 0) return of_binary32(sign | 0x33800000) * static_cast<float>(fraction); // of 2^-24
  return of_binary32(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}

// Formats of one size are told apart by the canonical name. False: not one of those. The bytes are in this machine's order.
inline bool put_real(Writer& out, std::string_view name, const char* bytes, std::size_t size) {
  constexpr std::string_view kOrder = "big_endian_";
  if (name.substr(0, kOrder.size()) == kOrder) name.remove_prefix(kOrder.size());
  const std::string_view format = name.substr(0, name.find('$'));
  const bool is_usual = format == "float";
  if (is_usual && size == sizeof(float)) return out.real(real_of<float>(bytes)), true;
  if (is_usual && size == sizeof(double)) return out.real(real_of<double>(bytes)), true;
  if (is_usual && size == sizeof(long double)) return out.real(real_of<long double>(bytes)), true;
  if (is_usual && size == 2) return out.real(of_binary16(bits_of(bytes, size))), true;
  if (format == "bfloat16" && size == 2) return out.real(of_binary32(bits_of(bytes, size) << 16)), true;
#ifdef __SIZEOF_FLOAT128__
  __extension__ typedef __float128 Quad;
  if (format == "binary128" && size == sizeof(Quad))
    return out.real(static_cast<long double>(real_of<Quad>(bytes))), true;
#endif
  return false;
}

// False: of no kind that has a text.
inline bool put_base(Writer& out, Type type, const char* bytes, std::size_t size) {
  const uniqtype& u = *type.get();
  const unsigned encoding = u.un.base.enc;
  if (encoding == kFloat) return put_real(out, uniqtype_name(&u), bytes, size);
  if (encoding == kComplexFloat || size > 8) return false;
  std::uint64_t bits = bits_of(bytes, size);
  unsigned width = static_cast<unsigned>(8 * size);
  if (UNIQTYPE_IS_BIT_GRANULARITY_BASE_TYPE(&u)) {
    width = static_cast<unsigned>(UNIQTYPE_BASE_TYPE_BIT_SIZE(&u));
    bits >>= UNIQTYPE_BASE_TYPE_BIT_OFFSET(&u);
    if (width < 64) bits &= (std::uint64_t{1} << width) - 1;
  }
  const bool is_signed = encoding == kSigned || encoding == kSignedChar;
  if (encoding == kBoolean) {
    out.put(bits != 0 ? "true" : "false");
  } else if (is_char(type)) {
    out.put('\'');
    out.character(static_cast<unsigned char>(bits));
    out.put('\'');
  } else if (!is_signed || width == 0 || width > 64) {
    out.number(bits);
  } else {
    const unsigned shift = 64 - width;
    out.signed_number(static_cast<std::int64_t>(bits << shift) >> shift);
  }
  return true;
}

}  // namespace allocs::showing
