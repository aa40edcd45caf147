// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/text_writer.h"
#include "runtime/query/answer.h"

namespace allocs::preload {

// "; held by free, references (2)", if the answer is a block that others hold or held beside who may free it. Context: signal.
void put_holders(TextWriter& out, const query::Answer& answer);

}  // namespace allocs::preload
