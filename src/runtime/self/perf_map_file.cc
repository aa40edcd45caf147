// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/perf_map_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <cstdint>
#include <optional>

#include "base/raw_syscall.h"
#include "base/text_writer.h"
#include "runt/perf_map.h"
#include "runt/self.h"
#include "runtime/self/memory.h"

namespace allocs::self {

namespace {

constexpr std::size_t kAtOnce = 4096;
constexpr std::size_t kMostBytes = 64u << 20;

// A descriptor that is closed again.
class Opened {
 public:
  explicit Opened(const char* path)
      : result_(raw_syscall(SYS_openat, AT_FDCWD, path,
                            O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)) {}
  ~Opened() {
    if (is_open()) raw_syscall(SYS_close, result_.value);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  bool is_open() const { return result_.ok(); }
  std::size_t read(char* into, std::size_t size) const {
    const SyscallResult got = raw_syscall(SYS_read, result_.value, into, size);
    return got.ok() ? static_cast<std::size_t>(got.value) : 0;
  }
  bool status(struct stat& into) const { return raw_syscall(SYS_fstat, result_.value, &into).ok(); }

 private:
  SyscallResult result_;
};

std::int64_t seconds_of(clockid_t clock) {
  timespec now{};
  raw_syscall(SYS_clock_gettime, clock, &now);
  return now.tv_sec;
}

// When this process began, in seconds of the real-time clock, rounded down; absent without /proc.
std::optional<std::int64_t> time_of_start() {
  const Opened file("/proc/self/stat");
  char text[1024];
  const std::size_t size = file.is_open() ? file.read(text, sizeof(text)) : 0;
  // The name of the command stands in parentheses, and may hold some.
  std::size_t end = size;
  while (end != 0 && text[end - 1] != ')') --end;
  if (end == 0) return std::nullopt;
  const char* at = text + end;
  // starttime is field 22; the name is field 2.
  constexpr int kBlanksBefore = 20;
  int blanks = 0;
  for (; at < text + size && blanks < kBlanksBefore; ++at) blanks += *at == ' ';
  std::int64_t ticks = 0;
  for (; at < text + size && *at >= '0' && *at <= '9'; ++at) ticks = ticks * 10 + (*at - '0');
  constexpr std::int64_t kTicksPerSecond = 100;  // what the kernel shows to programs
  return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + ticks / kTicksPerSecond - 1;
}

bool is_ours(const Opened& file) {
  struct stat status;
  const auto user = static_cast<std::uint64_t>(raw_syscall(SYS_geteuid).value);
  const auto start = time_of_start();
  return start && file.status(status) && runt::perf_map_is_believed(status, user, *start);
}

}  // namespace

[[gnu::noinline]] const char* name_in_perf_map(Address pc) {
  char path[64];
  TextWriter text(path, sizeof(path));
  text.put("/tmp/perf-").decimal(static_cast<unsigned>(runt::self::process_id())).put(".map");
  const Opened file(path);
  if (!file.is_open() || !is_ours(file)) return nullptr;
  runt::PerfMapSearch search(pc);
  char piece[kAtOnce];
  for (std::size_t total = 0; total < kMostBytes;) {
    const std::size_t size = file.read(piece, sizeof(piece));
    if (size == 0) break;
    search.feed({piece, size});
    total += size;
  }
  if (search.name().empty()) return nullptr;
  char name[runt::PerfMapSearch::kLongestName + 1];
  TextWriter copy(name, sizeof(name));
  copy.put(search.name());
  return keep_text(name);
}

}  // namespace allocs::self
