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
//
// Of an object that gcc's link-time optimiser takes over, the linker sees no section. But gcc carries over those that hold the debug
// information of the source, which it knows by the beginning of their names, and takes that away.
namespace allocs::allocscc {

// Is `input` a source with types in it, in a file?
bool can_be_analysed(const toolsub::Argument& input);

// The sections that the list goes into: one for the linker, one for gcc's link-time optimiser, or both.
std::vector<std::string> list_sections(const toolsub::CommandLine& line);

// The words that make clang read what gcc compiles. Options are chosen one by one: what clang does not know it would refuse.
std::vector<std::string> words_to_analyse(const toolsub::CommandLine& line,
                                          const toolsub::Argument& input);

// The list of a source that has no site.
std::string empty_list(const toolsub::Argument& input);

// What writes the file `list` of a source: our own program if it is installed, else the clang at the path `clang` with our plugin.
toolsub::Command command_to_analyse(const std::string& clang, std::vector<std::string> words,
                                    const Installation& installation, const std::string& list);

// Puts `list` into the sections of `object`. Returns what went wrong, or an empty text.
std::string put_list(const std::string& object, const std::string& list,
                     const std::vector<std::string>& sections);

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
  std::vector<std::string> sections_;
  toolsub::Process process_;
};

}  // namespace allocs::allocscc
