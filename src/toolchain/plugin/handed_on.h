// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "toolchain/plugin/function_body.h"

namespace allocs::plugin {

enum class HandedOn : std::uint8_t {
  no,
  yes,
  moved,  // the function returns memory that begins elsewhere in the block
};

// Whether the value, through casts and at most one local variable, is what the function returns.
HandedOn handed_on(const clang::Expr* value, const FunctionBody& body);

}  // namespace allocs::plugin
