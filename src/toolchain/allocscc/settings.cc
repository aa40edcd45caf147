// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/settings.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace allocs::allocscc {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

constexpr char kHelp[] =
    "usage: %s [--allocs-OPTION...] COMPILER-ARGUMENT...\n"
    "\n"
    "Compiles and links like the C or C++ compiler, and leaves in what it makes all that liballocs "
    "needs to\n"
    "know the types in its memory. All other arguments, files and messages are the compiler's.\n"
    "\n"
    "  --allocs-cc=COMMAND  the compiler to use: a name, a path, or a command like \"ccache gcc\"\n"
    "  --allocs-verbose     say on standard error what is run beside the compiler, and what fails "
    "there\n"
    "  --allocs-help        print this\n"
    "\n"
    "Environment: ALLOCSCC_CC (allocscc), ALLOCSCXX_CXX (allocsc++): as --allocs-cc=. "
    "ALLOCSCC_VERBOSE: if it is\n"
    "not empty, as --allocs-verbose. See allocscc(1).\n";

}  // namespace

Settings read_settings(int argc, char** argv) {
  Settings settings;
  const std::string_view called = argc > 0 ? argv[0] : "allocscc";
  settings.own_name = called.substr(called.rfind('/') + 1);
  settings.is_cxx = settings.own_name.find("++") != std::string::npos;
  settings.compiler = environment(settings.is_cxx ? "ALLOCSCXX_CXX" : "ALLOCSCC_CC");
  if (settings.is_cxx && settings.compiler.empty()) {
    settings.compiler = environment("ALLOCSCC_CC");
    settings.is_named_for_c = !settings.compiler.empty();
  }
  settings.is_verbose = !environment("ALLOCSCC_VERBOSE").empty();
  settings.builds_package = !environment("DEB_HOST_ARCH").empty();

  constexpr std::string_view kCompiler = "--allocs-cc=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--allocs-")) {
      settings.words.emplace_back(word);
    } else if (word.starts_with(kCompiler)) {
      settings.compiler = word.substr(kCompiler.size());
      settings.is_named_for_c = false;
    } else if (word == "--allocs-verbose") {
      settings.is_verbose = true;
    } else if (word == "--allocs-help") {
      settings.wants_help = true;
    } else {
      settings.bad_option = word;
    }
  }
  return settings;
}

void print_help(const Settings& settings) { std::printf(kHelp, settings.own_name.c_str()); }

}  // namespace allocs::allocscc
