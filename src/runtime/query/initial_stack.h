// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runt/auxv.h"
#include "runtime/query/process.h"

namespace allocs::query {

// Measures the vectors of the initial stack. The strings end with the path of the executable and a word of zeros.
template <Memory M>
InitialStack initial_stack_of(const M& memory, Address argc, const runt::StackVectors& vectors) {
  InitialStack initial{.argc = argc,
                       .arguments = vectors.argv,
                       .argument_count = vectors.argc,
                       .environment = vectors.envp,
                       .environment_count = (vectors.auxv - vectors.envp) / 8 - 1,
                       .auxiliary = vectors.auxv};
  for (std::uint64_t i = 0; i < runt::kMaxAuxiliaryEntries; ++i) {
    const auto key = load<std::uint64_t>(memory, vectors.auxv + i * 16);
    initial.auxiliary_count = i + 1;
    if (!key || *key == AT_NULL) break;
  }
  const auto first = load<std::uint64_t>(memory, vectors.argc != 0 ? vectors.argv : vectors.envp);
  const Address after = vectors.auxv + initial.auxiliary_count * 16;
  initial.strings = first && Address{*first} > after ? Address{*first} : after;
  // The name of the executable is the last string; the mapping ends with eight zero bytes behind it, on a page boundary.
  const runt::AuxiliaryVector auxiliary = runt::read_auxiliary_vector(memory, vectors.auxv);
  const Address last =
      auxiliary.executable_name > initial.strings ? auxiliary.executable_name : initial.strings;
  initial.end = Address{(raw(last) + 4096) & ~std::uint64_t{4095}};
  return initial;
}

}  // namespace allocs::query
