// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/frame_place.h"
#include "runtime/query/path.h"

namespace allocs::query {

// The text for an ALLOC_E_* code; never nullptr. Context: signal.
const char* error_message(int error);

// A sentence or two for a human: what, where in it, of which type, allocated where, on what evidence. Context: signal.
// `slot`: what is at `at` if no variable is (slot_at), or nullptr. `reader`: as put_path's.
void put_description(TextWriter& out, const Answer& answer, Address at,
                     const FramePlace* slot = nullptr, const types::ObjectReader* reader = nullptr);

// "debug information, ELF symbol": the words for a set of evidence. Context: signal.
void put_evidence(TextWriter& out, std::uint32_t evidence);

// ": no rule at 0x7f12 in NAME of SOURCE": the code, made by the program, in which the walk of a stack ended. Context: signal.
void put_end_of_walk(TextWriter& out, const Answer& answer);

const char* grade_word(std::uint8_t grade);

}  // namespace allocs::query
