// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>

#include "runt/mapping.h"
#include "runt/self.h"
#include "tools/allocs/health.h"

namespace allocs::tool {

namespace {

std::optional<long> number_in(const char* file) {
  std::ifstream in(file);
  long value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

Diagnosis examine_kernel() {
  utsname name{};
  uname(&name);
  int major = 0;
  int minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  Diagnosis result{.subject = "kernel", .health = Health::good, .finding = {}, .advice = {}};
  result.finding = fmt::format("{} {}", name.sysname, name.release);
  runt::MappingTable maps;
  if (maps.open(0) != 0) {
    result.health = Health::limited;
    result.finding += ", /proc is not mounted";
    result.advice = "mount it: mappings and the executable of a process cannot be told without";
  } else if (major < 6 || (major == 6 && minor < 11)) {
    result.health = Health::limited;
    result.finding += ": mappings are read as text (one question of the kernel from 6.11 on)";
  }
  return result;
}

Diagnosis examine_checked_reads() {
  static const std::uint64_t word = 42;
  std::byte copy[sizeof(word)];
  const bool works = runt::self::read_memory(address_of(&word), copy, sizeof(copy));
  return {
      .subject = "checked reads",
      .health = works ? Health::good : Health::limited,
      .finding = works ? "a process may read its own memory through the kernel"
                       : "process_vm_readv is refused: other threads' thread-locals cannot be told",
      .advice = works ? "" : "allow process_vm_readv in this sandbox"};
}

Diagnosis examine_tracing() {
  const auto scope = number_in("/proc/sys/kernel/yama/ptrace_scope");
  Diagnosis result{
      .subject = "allocs what PID", .health = Health::good, .finding = {}, .advice = {}};
  if (!scope || *scope == 0 || geteuid() == 0) {
    result.finding = scope && *scope >= 3 ? "" : "processes of this user can be asked";
  } else if (*scope < 3) {
    result.health = Health::limited;
    result.finding = "only children of the asking process can be asked (ptrace_scope is not 0)";
    result.advice = "sudo, or sysctl kernel.yama.ptrace_scope=0; a core file can be asked without";
  }
  if (scope && *scope >= 3) {
    result.health = Health::limited;
    result.finding = "nobody may look into another process here (ptrace_scope is 3)";
    result.advice = "make a core file and ask that";
  }
  return result;
}

Diagnosis examine_cores() {
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  std::ifstream in("/proc/sys/kernel/core_pattern");
  std::string pattern;
  std::getline(in, pattern);
  Diagnosis result{.subject = "core files", .health = Health::good, .finding = {}, .advice = {}};
  if (pattern.starts_with("|")) {
    result.finding = "the kernel gives them to " + pattern.substr(1);
    result.advice =
        "get one back with that program's tool (coredumpctl dump, ...), then: allocs what CORE "
        "ADDRESS";
  } else if (limit.rlim_cur == 0) {
    result.health = Health::limited;
    result.finding = "a crash leaves none: the limit is 0";
    result.advice = "ulimit -c unlimited";
  } else {
    result.finding = "a crash leaves one named " + pattern;
  }
  return result;
}

Diagnosis examine_address_space() {
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  const long overcommit = number_in("/proc/sys/vm/overcommit_memory").value_or(0);
  constexpr rlim_t kRoom = rlim_t{1} << 30;
  Diagnosis result{.subject = "address space", .health = Health::good, .finding = {}, .advice = {}};
  if (limit.rlim_cur < kRoom) {
    result.health = Health::limited;
    result.finding =
        fmt::format("limited to {} MiB: the index takes 8 MiB of it for each 64 MiB of heap",
                    limit.rlim_cur >> 20);
    result.advice =
        "blocks that find no room in the index are answered \"cannot tell\"; ulimit -v raises the "
        "limit";
  } else {
    result.finding =
        overcommit == 2
            ? "the kernel does not overcommit: 8 MiB are set aside for each 64 MiB of heap"
            : "not limited";
  }
  return result;
}

Diagnosis examine_loader() {
  const bool has_find_object = dlsym(RTLD_DEFAULT, "_dl_find_object") != nullptr;
  return {
      .subject = "C library",
      .health = Health::good,
      .finding = fmt::format(
          "glibc {}{}", gnu_get_libc_version(),
          has_find_object ? ""
                          : ", without _dl_find_object: the list of objects is kept by us alone"),
      .advice = {}};
}

}  // namespace

std::vector<Diagnosis> examine_system() {
  return {examine_kernel(),  examine_loader(), examine_checked_reads(),
          examine_tracing(), examine_cores(),  examine_address_space()};
}

}  // namespace allocs::tool
