// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "toolchain/allocscc/compiler.h"
#include "toolchain/allocscc/installation.h"
#include "toolchain/toolsub/command_line.h"

namespace allocs::allocscc {

// Words to add, after all of the user's, to a command that generates code; none for one that does not.
std::vector<std::string> words_for_compiling(const toolsub::CommandLine& line,
                                             const Compiler& compiler,
                                             const Installation& installation);

// The same, where a Debian package is built. That ends in dwz, and Debian 12's does not read what clang 19 writes as DWARF 5.
std::vector<std::string> words_for_package(const toolsub::CommandLine& line,
                                           const Compiler& compiler);

// The same, for records of blocks of alloca and for sub-allocators that are declared: a gcc of that major version needs a plugin for them.
// Absent: there is none for it, so there will be no records, and no word of pieces. (clang's plugin sees to them.)
std::optional<std::vector<std::string>> words_for_records(const toolsub::CommandLine& line,
                                                          const Compiler& compiler,
                                                          const Installation& installation,
                                                          const std::string& version);

// What to do about a link. All false for one that is left alone.
struct LinkAmendment {
  bool embed = false;          // put the image into what comes out
  bool build_id = false;       // ask for a build-id, by which the image is known
  bool query_library = false;  // offer the query functions, and mark the object
};
LinkAmendment amendment_of_link(const toolsub::CommandLine& line, const Compiler& compiler);

std::vector<std::string> words_for_linking(const LinkAmendment& amendment,
                                           const Installation& installation);

}  // namespace allocs::allocscc
