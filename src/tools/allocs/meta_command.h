// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>

#include "meta/build_metadata.h"

namespace allocs::tool {

struct MetaBuildOptions {
  std::filesystem::path object;
  std::filesystem::path output;  // empty: where the run time looks for it, in the user's cache
  bool no_cache = false;         // make it even if there is one already
  bool embed = false;            // put it into the object, as section .allocs, and nowhere else
  bool types_only = false;       // with an output
  bool quiet = false;
  bool lenient = false;  // declarations of functions that are malformed are passed over
};
int run_meta_build(const MetaBuildOptions& options);

struct MetaDumpOptions {
  std::filesystem::path input;  // an image, or an object whose image is looked up or made
  bool json = false;
  meta::SiteWitnesses sites = meta::SiteWitnesses::all;  // others: the image is made anew
};
int run_meta_dump(const MetaDumpOptions& options);

// `allocs meta build` and `allocs meta dump`. `status`: 0; 1 for an input that is no good.
void add_meta_commands(CLI::App& app, int& status);

}  // namespace allocs::tool
