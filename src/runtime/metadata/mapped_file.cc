// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>

#include "base/every_process.h"
#include "base/raw_syscall.h"

namespace allocs::metadata {

namespace {

constinit std::atomic<std::uint64_t> g_failures_for_want{0};

void note_failure(const SyscallResult& result) {
  const int error = result.error();
  if (error == EMFILE || error == ENFILE || error == ENOMEM)
    g_failures_for_want.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t failures_for_want() { return g_failures_for_want.load(std::memory_order_relaxed); }

[[ALLOCS_EVERY_PROCESS]] std::optional<MappedFile> map_file(const char* path) {
  const auto opened =
      raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
  note_failure(opened);
  if (!opened.ok()) return std::nullopt;
  std::optional<MappedFile> file;
  struct stat status;
  if (raw_syscall(SYS_fstat, opened.value, &status).ok() && S_ISREG(status.st_mode) &&
      status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    const auto mapped = raw_syscall(SYS_mmap, 0L, size, PROT_READ, MAP_PRIVATE, opened.value, 0L);
    note_failure(mapped);
    if (mapped.ok()) {
      file = MappedFile{
          .bytes = reinterpret_cast<const std::byte*>(mapped.value),
          .size = size,
          .mtime_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u +
                      static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
          .owner = status.st_uid,
          .mode = status.st_mode & 07777u};
    }
  }
  raw_syscall(SYS_close, opened.value);
  return file;
}

void unmap(const MappedFile& file) { raw_syscall(SYS_munmap, file.bytes, file.size); }

bool is_trustworthy(const MappedFile& file) {
  const auto user = static_cast<std::uint32_t>(raw_syscall(SYS_geteuid).value);
  return (file.owner == user || file.owner == 0) && (file.mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace allocs::metadata
