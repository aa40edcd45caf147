// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/address.h"
#include "elf/cfi.h"
#include "runtime/query/process.h"

// Code of this process that lies in no loaded object: what the program registered with gdb's JIT interface (runt/jit_code.h), or told
// perf of (runt/perf_map.h). Nothing is kept but where the loaded objects have the interface's descriptor, since the program may take
// code back at any moment without a word to us. All of the program's memory is read through the kernel.
namespace allocs::self {

// The rule for a pc in no loaded object. Rules that need expressions are not given: what those would be read from may go.
// Context: query, where the kernel may be asked.
std::optional<elf::UnwindRule> rule_of_made_code(Address pc);

// What the program told of the code there. The texts stay. Context: as above.
std::optional<query::MadeCode> made_code_at(Address pc);

}  // namespace allocs::self
