// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "toolchain/toolsub/command_line.h"

namespace allocs::toolsub {

// A command line that compiles and links at once is divided into one that compiles each input and one that links:
//
//   cc -O2 a.c b.o -lm -o p      cc -O2 a.c -c -o T.o      and then      cc -O2 T.o b.o -lm -o p
//
// Can it be, so that all files but the named one come out with the same names? Not with options that name files after the
// output or the phases themselves: -MD, -save-temps, --coverage, -fdump-..., -gsplit-dwarf, and so on.
bool can_be_split(const CommandLine& line);

// The words that only compile (or assemble) the input with that index among line.arguments() into `object`.
std::vector<std::string> words_to_compile(const CommandLine& line, std::size_t input,
                                          const std::string& object);

// The words that do the rest, where the inputs with those indices have been made into objects.
std::vector<std::string> words_to_link(const CommandLine& line,
                                       const std::map<std::size_t, std::string>& objects);

}  // namespace allocs::toolsub
