// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/allocscc/compiler.h"
#include "toolchain/allocscc/installation.h"
#include "toolchain/allocscc/settings.h"
#include "toolchain/toolsub/command_line.h"
#include "toolchain/toolsub/process.h"

namespace allocs::allocscc {

// One call of the wrapper, with everything that was found out before anything is run.
struct Job {
  const Settings& settings;
  const Compiler& compiler;
  const Installation& installation;
  const toolsub::CommandLine& line;
};

// Does the compiler's work and what is added to it. Returns how the compiler ended; or, where nothing is left to do after it,
// becomes the compiler and does not return.
toolsub::Ending drive(const Job& job);

}  // namespace allocs::allocscc
