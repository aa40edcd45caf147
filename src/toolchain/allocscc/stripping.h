// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "toolchain/toolsub/command_line.h"

// A link with -s leaves no debug information to make an image of. So the linker is not told; the image is made and put into
// the output, and then strip does what the linker would have done. It keeps sections like .allocs.
namespace allocs::allocscc {

struct DeferredStrip {
  std::vector<std::string> words;  // the command line without the options to strip
  std::string option;              // for strip(1): --strip-all or --strip-debug
};

// Absent if the command line does not strip.
std::optional<DeferredStrip> defer_strip(const toolsub::CommandLine& line);

}  // namespace allocs::allocscc
