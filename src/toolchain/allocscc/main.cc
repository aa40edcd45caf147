// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "toolchain/allocscc/driver.h"

int main(int argc, char** argv) {
  using namespace allocs;
  const allocscc::Settings settings = allocscc::read_settings(argc, argv);
  if (settings.wants_help) {
    allocscc::print_help(settings);
    return 0;
  }
  if (!settings.bad_option.empty()) {
    std::fprintf(stderr, "%s: %s: there is no such option; see --allocs-help\n",
                 settings.own_name.c_str(), settings.bad_option.c_str());
    return 2;
  }
  std::string problem;
  const auto compiler = allocscc::find_compiler(settings, problem);
  if (!compiler) {
    std::fprintf(stderr, "%s: %s\n", settings.own_name.c_str(), problem.c_str());
    return 127;
  }
  const allocscc::Installation installation = allocscc::find_installation();
  const toolsub::CommandLine line(settings.words, settings.is_cxx);
  toolsub::end_like(allocscc::drive({settings, *compiler, installation, line}));
}
