// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/uniqtype.h"
#include "base/text_writer.h"

namespace allocs::types {

// The canonical name; "(no type)" for nullptr. Context: signal.
const char* name_of(const uniqtype* u);

// The type as its language writes it. Context: signal.
void put_human_name(TextWriter& out, const uniqtype* u);

// "__uniqtype__" and the canonical name with the characters that an ELF symbol should not have as $hh. Context: signal.
void put_symbol_name(TextWriter& out, const uniqtype* u);

}  // namespace allocs::types
