// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "toolchain/allocscc/compiler.h"
#include "toolchain/allocscc/installation.h"
#include "toolchain/allocscc/scratch_files.h"
#include "toolchain/toolsub/command_line.h"
#include "toolchain/toolsub/process.h"

// With gcc as code generator, clang reads the same source at the same time and writes down what its allocation sites allocate.
// The list goes into the object file as section .allocs.sites, which the linker concatenates; `allocs meta build` joins it
// with the line table. Nothing depends on it: where clang is missing or does not understand the source, there is no list.
namespace allocs::allocscc {

// Is there anything to analyse in an object that this makes of `input`?
bool can_be_analysed(const toolsub::CommandLine& line, const toolsub::Argument& input);

// The words that make clang read what gcc compiles. Options are chosen one by one: what clang does not know it would refuse.
std::vector<std::string> words_to_analyse(const toolsub::CommandLine& line,
                                          const toolsub::Argument& input,
                                          const Installation& installation,
                                          const std::string& list);

class Analysis {
 public:
  // Starts at once. `clang` is the program; output of every kind is discarded.
  Analysis(const std::string& clang, const toolsub::CommandLine& line,
           const toolsub::Argument& input, const Installation& installation, ScratchFiles& scratch);

  // Waits for the end and puts the list into `object`. Returns what went wrong, or an empty text.
  std::string finish(const std::string& object);
  void abandon() { process_.kill(); }

 private:
  std::string list_;
  toolsub::Process process_;
};

}  // namespace allocs::allocscc
