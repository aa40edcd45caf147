// SPDX-License-Identifier: Apache-2.0
#include "allocs/uniqtype.h"

#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/self/self_process.h"
#include "runtime/self/types_by_name.h"
#include "types/derive.h"
#include "types/describe.h"

// The public functions of <allocs/uniqtype.h>.

using allocs::TextWriter;
using allocs::types::Kind;
using allocs::types::record_of;

extern "C" {

ALLOCS_EXPORT int uniqtype_is_big_endian(const struct uniqtype* u) {
  if (u == nullptr) return 0;
  if (record_of(*u).kind == Kind::enumeration) u = u->related[0].un.t.ptr;
  return u != nullptr && record_of(*u).kind == Kind::base &&
         (record_of(*u).flags & allocs::types::kTypeBigEndian) != 0;
}

ALLOCS_EXPORT const char* uniqtype_name(const struct uniqtype* u) {
  return allocs::types::name_of(u);
}

ALLOCS_EXPORT size_t uniqtype_size(const struct uniqtype* u) {
  return u == nullptr ? SIZE_MAX : allocs::types::size_of(*u);
}

ALLOCS_EXPORT int uniqtype_describe(const struct uniqtype* u, char* buf, size_t len) {
  TextWriter out(buf, len);
  allocs::types::put_human_name(out, u);
  return static_cast<int>(out.length());
}

ALLOCS_EXPORT int uniqtype_symbol_name(const struct uniqtype* u, char* buf, size_t len) {
  TextWriter out(buf, len);
  allocs::types::put_symbol_name(out, u);
  return static_cast<int>(out.length());
}

ALLOCS_EXPORT const char* uniqtype_member_name(const struct uniqtype* u, unsigned index) {
  if (u == nullptr || record_of(*u).kind != Kind::composite || index >= record_of(*u).count)
    return nullptr;
  return record_of(*u).member_names[index];
}

ALLOCS_EXPORT const char* uniqtype_member_alias(const struct uniqtype* u, unsigned index) {
  if (u == nullptr || record_of(*u).kind != Kind::composite || index >= record_of(*u).count)
    return nullptr;
  return record_of(*u).member_aliases[index];
}

ALLOCS_EXPORT const char* uniqtype_enumerator_name(const struct uniqtype* u, unsigned index) {
  if (u == nullptr || record_of(*u).kind != Kind::enumeration || index >= record_of(*u).count)
    return nullptr;
  return record_of(*u).member_names[index];
}

ALLOCS_EXPORT const char* uniqtype_declaration(const struct uniqtype* u, unsigned* line) {
  const bool is_declared = u != nullptr && record_of(*u).kind != Kind::address;
  if (line != nullptr) *line = is_declared ? record_of(*u).line : 0;
  return is_declared ? record_of(*u).file : nullptr;
}

ALLOCS_EXPORT struct uniqtype* uniqtype_by_name(const char* name) {
  return name == nullptr ? nullptr : allocs::self::type_named(name);
}

ALLOCS_EXPORT struct uniqtype* uniqtype_pointer_to(struct uniqtype* u) {
  return allocs::types::pointer_to(allocs::self::interner(), u);
}

ALLOCS_EXPORT struct uniqtype* uniqtype_array_of(struct uniqtype* u, size_t count) {
  return allocs::types::array_of(allocs::self::interner(), u,
                                 count == SIZE_MAX ? allocs::types::kUnbounded : count);
}

ALLOCS_UNIQTYPE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)

}  // extern "C"
