// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/program_path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>
#include <string_view>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/self/memory.h"

namespace allocs::self {

namespace {

constinit std::atomic<const char*> g_from_kernel{nullptr};  // nullptr: not asked yet
constinit const char* g_from_start = "";

std::string_view last_component(std::string_view path) {
  return part_of(path, path.rfind('/') + 1);
}

}  // namespace

[[ALLOCS_ONCE]] void keep_path_of_start(Address executable_name, const char* first_argument) {
  const auto* const path = reinterpret_cast<const char*>(raw(executable_name));
  if (path == nullptr || path[0] != '/' || first_argument == nullptr) return;
  if (last_component(path) == last_component(first_argument)) g_from_start = path;
}

const char* find_program_path() {
  constexpr std::string_view kDeleted = " (deleted)";
  const char* known = g_from_kernel.load(std::memory_order_acquire);
  if (known != nullptr) return known;
  if (allocators::is_sandboxed()) return nullptr;
  char path[1024];
  const SyscallResult length = raw_syscall(SYS_readlink, "/proc/self/exe", path, sizeof path - 1);
  const std::size_t size = length.ok() ? static_cast<std::size_t>(length.value) : 0;
  path[size] = '\0';
  // Removed since; or it has such a name.
  struct stat unused;
  if (std::string_view(path, size).ends_with(kDeleted) &&
      raw_syscall(SYS_newfstatat, AT_FDCWD, path, &unused, 0).value == -ENOENT)
    path[size - kDeleted.size()] = '\0';
  const std::size_t whole = std::strlen(path) + 1;
  void* const kept = size == 0 ? nullptr : allocate(whole);
  if (size != 0 && kept == nullptr) return nullptr;
  const char* const found =
      size == 0 ? "" : static_cast<const char*>(std::memcpy(kept, path, whole));
  return g_from_kernel.compare_exchange_strong(known, found, std::memory_order_acq_rel) ? found
                                                                                        : known;
}

const char* program_path() {
  const char* const known = g_from_kernel.load(std::memory_order_acquire);
  return known != nullptr && known[0] != '\0' ? known : g_from_start;
}

}  // namespace allocs::self
