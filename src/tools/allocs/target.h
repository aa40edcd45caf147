// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runt/remote/core_memory.h"
#include "runt/remote/process_memory.h"
#include "runt/remote/stopped_threads.h"
#include "tools/allocs/fetch_report.h"
#include "tools/allocs/image_provider.h"
#include "tools/allocs/remote_process.h"

// What the commands that look at another process have in common: the core or the process that the user names.
namespace allocs::tool {

inline constexpr int kExitNotTold = 1;  // there, but not all that was asked for could be answered
inline constexpr int kExitUnreadable = 2;  // a mistake in the call, or a target that cannot be read

// An address as a person writes it: hexadecimal, with 0x or without.
std::optional<std::uint64_t> parse_address(std::string_view text);
// Says that it is none.
int say_not_an_address(std::string_view text);
// The number of a process, unless there is a file of that name.
std::optional<int> parse_process_number(const std::string& target);

int say_failure(const runt::remote::Failure& failure);
std::vector<runt::Mapping> mappings_of(const runt::remote::CoreMemory& core);

// Calls use(process, resume) for a RemoteProcess over the core or process that `target` names, and returns what it returns; says
// why on the error stream and returns kExitUnreadable if that cannot be read. All threads of a process stand still until
// resume() is called, or `use` returns; what was read before stays good.
template <typename Use>
int visit_target(const std::string& target, Use use) {
  const auto pid = parse_process_number(target);
  std::error_code error;
  const std::filesystem::path executable =
      pid ? std::filesystem::read_symlink(fmt::format("/proc/{}/exe", *pid), error)
          : std::filesystem::path{};
  FetchReport report;
  meta::Debuginfod debuginfod(report);
  // Of a running process no servers are asked: it would stand still meanwhile.
  ImageProvider images{executable, pid ? nullptr : &debuginfod};
  if (!pid) {
    auto core = runt::remote::CoreMemory::open(target);
    if (!core) return say_failure(core.failure());
    const RemoteProcess process(*core,
                                {.auxiliary = core->auxiliary_vector(),
                                 .start_of_stack = Address{0},
                                 .mappings = mappings_of(*core),
                                 .threads = core->threads(),
                                 .executable = {},
                                 .pid = 0},
                                images);
    return use(process, [] {});
  }
  auto memory = runt::remote::ProcessMemory::attach(*pid);
  if (!memory) return say_failure(memory.failure());
  auto threads = runt::remote::StoppedThreads::stop(*pid);
  if (!threads) return say_failure(threads.failure());
  const RemoteProcess process(*memory,
                              {.auxiliary = memory->auxiliary_vector(),
                               .start_of_stack = memory->start_of_stack(),
                               .mappings = memory->mappings(),
                               .threads = threads->all(),
                               .executable = executable.string(),
                               .pid = *pid},
                              images);
  return use(process, [&] { threads->resume(); });
}

}  // namespace allocs::tool
