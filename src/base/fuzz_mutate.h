// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// Mutations of inputs that have a form: a fuzzer that knows it defines LLVMFuzzerCustomMutator, and changes a part of the input with this one.
//
// libFuzzer's own, or in the replay driver a simple one: `size` bytes at `bytes` become other ones, at most `most`. Returns how many there are then.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t size, std::size_t most);
