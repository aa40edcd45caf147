// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "meta/code_scan.h"
#include "meta/linkage.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Adds to model.statics the string literals that the object's code and data refer to. Needs all other statics to be there. Does nothing
// for an object without a symbol table: its constants and its literals cannot be told apart.
void read_string_literals(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                          types::ObjectModel& model);

// May string literals and other unnamed constants lie in the section?
bool has_literals(const Section& section);

// The length of the text that starts `bytes`: printable or white space, UTF-8, up to a NUL, which is not counted. Nothing if there is
// something else before the first NUL, or no NUL.
std::optional<std::size_t> text_length(std::span<const std::byte> bytes);

}  // namespace allocs::meta
