// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/what_command.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runt/remote/core_memory.h"
#include "runt/remote/process_memory.h"
#include "runt/remote/stopped_threads.h"
#include "tools/allocs/finding.h"
#include "tools/allocs/image_provider.h"
#include "tools/allocs/remote_process.h"

namespace allocs::tool {

types::TypeMemory tool_type_memory() {
  return {.allocate = [](std::size_t size) { return std::calloc(1, size); }};
}
types::ScratchMemory tool_scratch_memory() {
  return {.take = [](std::size_t size) { return std::calloc(1, size); },
          .give_back = [](void* memory, std::size_t) { std::free(memory); }};
}

namespace {

constexpr int kExitUnreadable = 2;

struct WhatOptions {
  std::string target;
  std::vector<std::string> addresses;
  bool json = false;
};

std::optional<std::uint64_t> parse_address(std::string_view text) {
  const bool has_prefix = text.starts_with("0x") || text.starts_with("0X");
  if (has_prefix) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <Memory M>
int answer(const RemoteProcess<M>& process, const std::vector<std::uint64_t>& addresses,
           bool json) {
  std::vector<Finding> findings;
  for (const std::uint64_t address : addresses)
    findings.push_back(find_out(process, Address{address}));
  if (json) {
    print_json(findings);
  } else {
    std::ranges::for_each(findings, print_text);
  }
  const auto is_told = [](const Finding& finding) { return finding.error == ALLOC_OK; };
  return std::ranges::all_of(findings, is_told) ? 0 : 1;
}

int say_failure(const runt::remote::Failure& failure) {
  fmt::print(stderr, "allocs: {}\n", failure.text);
  return kExitUnreadable;
}

// The ranges of a core with the names of the files that were mapped there.
std::vector<runt::Mapping> mappings_of(const runt::remote::CoreMemory& core) {
  std::vector<runt::Mapping> mappings;
  for (const AddressRange& range : core.mapped_ranges()) {
    runt::Mapping& mapping = mappings.emplace_back();
    mapping.range = range;
    std::string name;
    for (const auto& file : core.file_mappings()) {
      if (file.range.contains(range.begin)) name = core.files()[file.file].path;
    }
    if (name.empty() && range.contains(core.auxiliary_vector().random_bytes)) name = "[stack]";
    mapping.name_was_cut = name.size() >= sizeof(mapping.name);
    name.copy(mapping.name, sizeof(mapping.name) - 1);
  }
  return mappings;
}

int ask_core(const std::string& path, const std::vector<std::uint64_t>& addresses, bool json) {
  auto core = runt::remote::CoreMemory::open(path);
  if (!core) return say_failure(core.failure());
  ImageProvider images;
  const RemoteProcess process(*core,
                              {.auxiliary = core->auxiliary_vector(),
                               .start_of_stack = Address{0},
                               .mappings = mappings_of(*core),
                               .threads = core->threads(),
                               .executable = {}},
                              images);
  return answer(process, addresses, json);
}

int ask_process(int pid, const std::vector<std::uint64_t>& addresses, bool json) {
  auto memory = runt::remote::ProcessMemory::attach(pid);
  if (!memory) return say_failure(memory.failure());
  auto threads = runt::remote::StoppedThreads::stop(pid);
  if (!threads) return say_failure(threads.failure());
  std::error_code error;
  ImageProvider images;
  const RemoteProcess process(
      *memory,
      {.auxiliary = memory->auxiliary_vector(),
       .start_of_stack = memory->start_of_stack(),
       .mappings = memory->mappings(),
       .threads = threads->all(),
       .executable =
           std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error).string()},
      images);
  return answer(process, addresses, json);
}

int what(const WhatOptions& options) {
  std::vector<std::uint64_t> addresses;
  for (const std::string& text : options.addresses) {
    const auto address = parse_address(text);
    if (!address) {
      fmt::print(stderr,
                 "allocs: {}: not an address; write it in hexadecimal, like 0x7ffd12345678\n",
                 text);
      return kExitUnreadable;
    }
    addresses.push_back(*address);
  }
  const std::string& target = options.target;
  int pid = 0;
  const auto [end, parsed] = std::from_chars(target.data(), target.data() + target.size(), pid);
  const bool is_number = parsed == std::errc() && end == target.data() + target.size();
  std::error_code error;
  if (is_number && !std::filesystem::exists(target, error))
    return ask_process(pid, addresses, options.json);
  return ask_core(target, addresses, options.json);
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
