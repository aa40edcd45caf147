// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/process_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "elf/elf.h"

namespace allocs::runt::remote {
namespace {

constexpr std::uint64_t kKernelThread = 0x0020'0000;  // PF_KTHREAD

std::string proc_path(int pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// The whole of a file that has no size. Absent with errno set.
std::optional<std::string> read_file(const std::string& path,
                                     std::size_t most = std::size_t{1} << 30) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::string text;
  char buffer[16384];
  ssize_t size = 0;
  while (text.size() < most && (size = read(descriptor, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  const int error = errno;
  close(descriptor);
  errno = error;
  if (size < 0) return std::nullopt;
  return text;
}

Failure no_such_process(int pid, const char* what = "there is no such process") {
  return {Failure::Kind::no_such_process, "process " + std::to_string(pid) + ": " + what};
}

Failure not_permitted(int pid) {
  std::string text =
      "process " + std::to_string(pid) + ": not permitted to read its memory; run as the same user";
  const auto scope = read_file("/proc/sys/kernel/yama/ptrace_scope");
  if (scope && !scope->starts_with("0")) {
    text += ", set /proc/sys/kernel/yama/ptrace_scope (now " + scope->substr(0, 1) + ") to 0";
  }
  return {Failure::Kind::not_permitted, text + ", or have CAP_SYS_PTRACE (sudo)"};
}

Failure from_errno(int pid, int error, const std::string& what) {
  if (error == ENOENT || error == ESRCH) return no_such_process(pid);
  if (error == EACCES || error == EPERM) return not_permitted(pid);
  return {Failure::Kind::system,
          "process " + std::to_string(pid) + ": " + what + ": " + strerror(error)};
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(const std::string& line) {
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return std::nullopt;
  ProcessStat stat;
  std::string_view rest = std::string_view{line}.substr(name_end + 2);
  for (int field = 3; field <= 28 && !rest.empty(); ++field) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (field == 3 && !word.empty()) stat.state = word[0];
    if (field == 9) std::from_chars(word.data(), word.data() + word.size(), stat.flags);
    if (field == 28) std::from_chars(word.data(), word.data() + word.size(), stat.start_of_stack);
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (field == 28) return stat;
  }
  return std::nullopt;
}

std::size_t ProcessMemory::copy(Address at, std::byte* into, std::size_t size) const {
  const iovec here{into, size};
  const iovec there{reinterpret_cast<void*>(raw(at)), size};
  const ssize_t got = process_vm_readv(pid_, &here, 1, &there, 1, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

bool ProcessMemory::read_page(Address page, std::byte* into) const {
  const iovec here{into, PageCache::kPage};
  const iovec there{reinterpret_cast<void*>(raw(page)), PageCache::kPage};
  return process_vm_readv(pid_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(PageCache::kPage);
}

Result<ProcessMemory> ProcessMemory::attach(int pid) {
  const auto line = read_file(proc_path(pid, "stat"));
  if (!line) return from_errno(pid, errno, "stat");
  const auto stat = parse_process_stat(*line);
  if (!stat) return Failure{Failure::Kind::damaged, proc_path(pid, "stat") + ": not understood"};
  if ((stat->flags & kKernelThread) != 0) {
    return Failure{
        Failure::Kind::kernel_thread,
        "process " + std::to_string(pid) + ": a kernel thread, which has no memory of its own"};
  }
  if (stat->state == 'Z' || stat->state == 'X')
    return no_such_process(pid, "it has already exited");

  const auto entries = read_file(proc_path(pid, "auxv"), 1u << 16);
  if (!entries) return from_errno(pid, errno, "auxv");
  const auto image = read_file(proc_path(pid, "exe"), 1);
  if (!image) return from_errno(pid, errno, "exe");
  elf::FileHeader header{};
  memcpy(&header, image->data(), std::min(image->size(), sizeof header));
  if (!elf::is_supported(header)) {
    return Failure{Failure::Kind::not_x86_64,
                   "process " + std::to_string(pid) + ": not a 64-bit x86-64 program"};
  }

  ProcessMemory memory{pid};
  const auto* bytes = reinterpret_cast<const std::byte*>(entries->data());
  memory.auxiliary_vector_ =
      read_auxiliary_vector(SpanMemory{Address{0}, bytes, entries->size()}, Address{0});
  memory.start_of_stack_ = Address{stat->start_of_stack};
  // Some files above may be read by more people than its memory.
  std::byte probe;
  const iovec here{&probe, 1};
  const iovec there{reinterpret_cast<void*>(raw(memory.auxiliary_vector_.program_headers)), 1};
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1)
    return from_errno(pid, errno, "reading its memory");
  return memory;
}

std::vector<Mapping> ProcessMemory::mappings() const {
  std::vector<Mapping> mappings;
  const auto text = read_file(proc_path(pid_, "maps"));
  if (!text) return mappings;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    if (const auto mapping = parse_mapping_line({text->data() + at, end - at}))
      mappings.push_back(*mapping);
    at = end + 1;
  }
  return mappings;
}

std::vector<std::string> ProcessMemory::command_line() const {
  std::vector<std::string> words;
  const auto text = read_file(proc_path(pid_, "cmdline"));
  for (std::size_t at = 0; text && at < text->size();) {
    const std::size_t end = std::min(text->find('\0', at), text->size());
    words.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace allocs::runt::remote
