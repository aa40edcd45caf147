// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace allocs::allocscc {

// What this program was asked, apart from what is passed on.
struct Settings {
  bool is_cxx = false;          // called as allocsc++
  std::string own_name;         // as called, without folders
  std::string compiler;         // --allocs-cc=, or the environment; empty: choose one
  bool is_named_for_c = false;  // `compiler` names a C compiler, and this is allocsc++
  bool is_verbose = false;
  bool wants_help = false;
  bool builds_package = false;     // dpkg-buildpackage is at work
  std::string bad_option;          // one of --allocs-... that there is not; else empty
  std::vector<std::string> words;  // for the compiler
};

// Options that begin with --allocs- are ours, and only outside of response files. The environment is read for
// ALLOCSCC_CC, ALLOCSCXX_CXX, ALLOCSCC_VERBOSE, and DEB_HOST_ARCH, which dpkg-buildpackage sets.
Settings read_settings(int argc, char** argv);

void print_help(const Settings& settings);

}  // namespace allocs::allocscc
