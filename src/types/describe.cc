// SPDX-License-Identifier: Apache-2.0
#include "types/describe.h"

#include "types/uniqtype_record.h"

namespace allocs::types {

const char* name_of(const uniqtype* u) { return u == nullptr ? "(no type)" : record_of(*u).name; }

void put_human_name(TextWriter& out, const uniqtype* u) {
  out.put(u == nullptr ? "(no type)" : record_of(*u).human_name);
}

void put_symbol_name(TextWriter& out, const uniqtype* u) {
  if (u == nullptr) return;
  out.put("__uniqtype__");
  for (const char* c = record_of(*u).name; *c != '\0'; ++c) {
    const bool plain = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                       (*c >= '0' && *c <= '9') || *c == '_';
    if (plain) {
      out.put(*c);
    } else if (*c == '$') {
      out.put("$$");
    } else {
      const auto byte = static_cast<unsigned char>(*c);
      out.put('$').put("0123456789abcdef"[byte >> 4]).put("0123456789abcdef"[byte & 15]);
    }
  }
}

}  // namespace allocs::types
