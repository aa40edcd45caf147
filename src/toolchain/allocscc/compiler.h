// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "toolchain/allocscc/settings.h"
#include "toolchain/toolsub/process.h"

namespace allocs::allocscc {

// The compiler behind the wrapper.
struct Compiler {
  std::string program;             // the file to run
  std::vector<std::string> words;  // argv so far: its name, or "ccache gcc", ...
  std::string inner;               // the compiler itself, if `program` is one like ccache
  bool is_clang = false;           // else it is taken for gcc
  bool takes_plugin = false;       // it is the clang that our plugin was built for
  bool is_foreign = false;         // by its name it makes code for another machine than this

  // The number in front of the first dot, asked for; empty if the compiler does not say it.
  std::string major_version() const;
  toolsub::Command command(const std::vector<std::string>& arguments) const;
};

// The one that the settings name, else the first that is there of clang-19, clang, gcc, cc (clang++-19, ...). Absent if there
// is none; `problem` says so.
std::optional<Compiler> find_compiler(const Settings& settings, std::string& problem);

// The clang that analyses beside gcc, as a program to run; empty if there is none.
std::string find_analyser();

}  // namespace allocs::allocscc
