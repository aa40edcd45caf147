// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/what_command.h"

#include <fmt/format.h>

#include <string>
#include <utility>
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
  std::vector<Finding> findings;  // for JSON, which is one text
  bool all_told = true;
  for (const std::uint64_t address : addresses) {
    Finding finding = find_out(process, Address{address}, enclosing);
    all_told = all_told && finding.error == ALLOC_OK;
    if (json) {
      findings.push_back(std::move(finding));
    } else {
      print_text(finding);
    }
  }
  if (json) print_json(findings);
  return all_told ? 0 : kExitNotTold;
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
