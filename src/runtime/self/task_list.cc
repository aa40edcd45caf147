// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/task_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <string_view>

#include "base/raw_syscall.h"
#include "base/text.h"
#include "base/text_writer.h"

namespace allocs::self {

namespace {

constexpr const char* kTasks = "/proc/self/task";

struct FileText {
  int error = 0;
  std::string_view text;
};
template <std::size_t kSize>
FileText read_file_of_task(int tid, std::string_view name, char (&buffer)[kSize]) {
  char path[64];
  TextWriter(path, sizeof path).put(kTasks).put('/').signed_decimal(tid).put('/').put(name);
  const SyscallResult file = raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (!file.ok()) return {file.error(), {}};
  const SyscallResult size = raw_syscall(SYS_read, file.value, buffer, kSize);
  raw_syscall(SYS_close, file.value);
  if (!size.ok()) return {size.error(), {}};
  return {0, {buffer, static_cast<std::size_t>(size.value)}};
}

// What follows `count` spaces.
std::string_view behind_spaces(std::string_view text, int count) {
  for (; count > 0; --count) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text = part_of(text, space + 1);
  }
  return text;
}

std::uint64_t number_in(std::string_view digits, unsigned base) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    const unsigned digit =
        c >= 'a' ? static_cast<unsigned>(c - 'a') + 10u : static_cast<unsigned>(c - '0');
    if (digit >= base) break;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

TaskState state_of_task(int tid) {
  char buffer[512];
  const FileText file = read_file_of_task(tid, "stat", buffer);
  if (file.error == ENOENT || file.error == ESRCH) return TaskState::gone;
  // "17 (any name) S ...": the state is the first word behind the name, the flags are the seventh.
  const std::size_t name_end = file.text.rfind(')');
  if (file.error != 0 || name_end == std::string_view::npos || name_end + 2 >= file.text.size())
    return TaskState::runs;
  const std::string_view words = part_of(file.text, name_end + 2);
  if (words[0] == 'Z' || words[0] == 'X' || words[0] == 'x') return TaskState::gone;
  constexpr std::uint64_t kExiting = 0x4, kKernelWorker = 0x10;  // PF_EXITING, PF_IO_WORKER
  const std::uint64_t flags = number_in(behind_spaces(words, 6), 10);
  return (flags & (kExiting | kKernelWorker)) != 0 ? TaskState::gone : TaskState::runs;
}

SignalMask blocked_signals_of_task(int tid) {
  char buffer[4096];
  const FileText file = read_file_of_task(tid, "status", buffer);
  constexpr std::string_view kBlocked = "\nSigBlk:\t";
  const std::size_t at = file.text.find(kBlocked);
  return at == std::string_view::npos ? 0 : number_in(part_of(file.text, at + kBlocked.size()), 16);
}

bool for_each_task(bool (*visit)(int tid, void* context), void* context) {
  const SyscallResult folder =
      raw_syscall(SYS_openat, AT_FDCWD, kTasks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!folder.ok()) return false;
  alignas(dirent64) char entries[4096];
  bool goes_on = true, is_whole = false;
  while (goes_on && !is_whole) {
    const SyscallResult size = raw_syscall(SYS_getdents64, folder.value, entries, sizeof entries);
    is_whole = size.value == 0;
    goes_on = size.ok();
    for (std::int64_t at = 0; goes_on && at < size.value;) {
      const auto& entry = *reinterpret_cast<const dirent64*>(entries + at);
      at += entry.d_reclen;
      if (entry.d_name[0] < '0' || entry.d_name[0] > '9') continue;
      if (!visit(static_cast<int>(number_in(entry.d_name, 10)), context)) {
        goes_on = false;
        is_whole = true;
      }
    }
  }
  raw_syscall(SYS_close, folder.value);
  return is_whole;
}

}  // namespace allocs::self
