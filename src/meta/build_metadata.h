// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "declarations/declarations.h"
#include "meta/diagnostics.h"
#include "types/write/fold_types.h"

namespace allocs::meta {

class Debuginfod;

// Who is asked about allocation sites.
enum class SiteWitnesses : std::uint8_t {
  all,        // what compilers told, else what code and debug information show
  compilers,  // compilers alone: marks and site lists
  code,       // code and debug information alone, as if no compiler had told anything
};

struct Options {
  std::filesystem::path object;
  std::filesystem::path output;  // the image
  bool for_embedding =
      false;  // it goes into the object itself, whose size and time it therefore does not know
  bool types_only = false;  // nothing of what lies where, nor of code
  // After so many new nodes types that repeat others are dropped (types/write/fold_types.h). The image does not depend on it.
  std::size_t fold_after = types::TypeFolder::kUsualLeast;
  SiteWitnesses witnesses = SiteWitnesses::all;
  const declarations::Declarations* declared =
      nullptr;                       // of functions that allocate; nullptr: what is built in
  Debuginfod* debuginfod = nullptr;  // asked for what is not installed
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitBadInput = 1;

// The image of the object at options.object; empty, with an error, if there can be none. `output` is not looked at.
std::vector<std::byte> build_image(const Options& options, Diagnostics& diag);

// The same, written to options.output. Returns an exit code.
int build_metadata(const Options& options, Diagnostics& diag);

}  // namespace allocs::meta
