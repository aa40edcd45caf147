// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/perf_map_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <sstream>

#include "runt/perf_map.h"

namespace allocs::tool {

namespace {

struct Facts {
  uid_t user = 0;
  std::string own_number;  // in its own namespace
  std::time_t start = 0;   // of the real-time clock, rounded down
};

std::optional<Facts> facts_of(int pid) {
  Facts facts;
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  bool has_user = false;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key, word;
    words >> key;
    if (key == "Uid:") {
      uid_t real = 0;
      has_user = static_cast<bool>(words >> real >> facts.user);
    } else if (key == "NSpid:") {
      while (words >> word) facts.own_number = word;
    }
  }
  std::string line;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  if (!std::getline(stat, line) || line.rfind(')') == std::string::npos) return std::nullopt;
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) words >> skipped;
  long long ticks = 0;
  timespec since_boot{};
  if (!(words >> ticks) || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return std::nullopt;
  facts.start = std::time(nullptr) - since_boot.tv_sec + ticks / sysconf(_SC_CLK_TCK) - 1;
  return has_user && !facts.own_number.empty() ? std::optional(facts) : std::nullopt;
}

}  // namespace

std::optional<std::string> name_in_perf_map(int pid, Address pc) {
  const auto facts = facts_of(pid);
  if (!facts) return std::nullopt;
  const std::string path = fmt::format("/proc/{}/root/tmp/perf-{}.map", pid, facts->own_number);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return std::nullopt;
  struct stat status;
  const bool is_believed =
      fstat(file, &status) == 0 && runt::perf_map_is_believed(status, facts->user, facts->start);
  runt::PerfMapSearch search(pc);
  std::array<char, 1 << 16> piece;
  for (ssize_t size = 1; is_believed && size > 0;) {
    size = read(file, piece.data(), piece.size());
    if (size > 0) search.feed({piece.data(), static_cast<std::size_t>(size)});
  }
  close(file);
  if (search.name().empty()) return std::nullopt;
  return std::string(search.name());
}

}  // namespace allocs::tool
