// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/what_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tools/allocs/finding.h"
#include "tools/allocs/target.h"

namespace allocs::tool {

namespace {

struct WhatOptions {
  std::string target;
  std::vector<std::string> addresses;
  bool json = false;
};

template <Memory M>
int answer(const RemoteProcess<M>& process, const std::vector<std::uint64_t>& addresses,
           bool json) {
  const Enclosing enclosing = json ? Enclosing::asked : Enclosing::not_asked;
  std::vector<Finding> findings;
  for (const std::uint64_t address : addresses)
    findings.push_back(find_out(process, Address{address}, enclosing));
  if (json) {
    print_json(findings);
  } else {
    std::ranges::for_each(findings, print_text);
  }
  const auto is_told = [](const Finding& finding) { return finding.error == ALLOC_OK; };
  return std::ranges::all_of(findings, is_told) ? 0 : kExitNotTold;
}

int what(const WhatOptions& options) {
  std::vector<std::uint64_t> addresses;
  for (const std::string& text : options.addresses) {
    const auto address = parse_address(text);
    if (!address) {
      return say_not_an_address(text);
    }
    addresses.push_back(*address);
  }
  return visit_target(options.target, [&](const auto& process, const auto&) {
    return answer(process, addresses, options.json);
  });
}

}  // namespace

void add_what_command(CLI::App& app, int& status) {
  auto* command =
      app.add_subcommand("what", "Tell what is at addresses of a core file or a process");
  auto options = std::make_shared<WhatOptions>();
  command->add_option("target", options->target, "A core file, or the number of a process")
      ->required();
  command->add_option("address", options->addresses, "Addresses, in hexadecimal")->required();
  command->add_flag("--json", options->json, "JSON instead of text");
  command->callback([options, &status] { status = what(*options); });
}

}  // namespace allocs::tool
