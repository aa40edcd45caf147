// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tools/allocs/health.h"
#include "tools/allocs/objects_of_program.h"
#include "tools/allocs/preload_library.h"

namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

// A directory that is gone when this is.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "allocs-doctor.XXXXXX").string();
    if (!error && mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Runs a program under the library, its output into `output`. The wait status, or -1.
int run_as_guest(const fs::path& program, const fs::path& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::string name = program.string();
  char* arguments[] = {name.data(), nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, name.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  if (error != 0) return -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string first_line_of(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// Proves that the library comes to life in a guest: it leaves its statistics.
Diagnosis try_a_guest(const fs::path& library) {
  Diagnosis result{.subject = "guests", .health = Health::broken, .finding = {}, .advice = {}};
  const fs::path program = find_program("true");
  const ScratchDirectory scratch;
  if (program.empty() || scratch.path().empty()) {
    result.health = Health::limited;
    result.finding = "not tried: no true(1) in PATH, or no room for temporary files";
    return result;
  }
  const fs::path statistics = scratch.path() / "statistics";
  const fs::path output = scratch.path() / "output";
  setenv("ALLOCS_STATS", "1", 1);
  setenv("ALLOCS_STATS_FILE", statistics.c_str(), 1);
  const char* before = std::getenv("LD_PRELOAD");
  const std::string others = before == nullptr ? "" : before;
  const int status = preload(library) ? run_as_guest(program, output) : -1;
  unsetenv("ALLOCS_STATS");
  std::error_code error;
  if (status != 0) {
    result.finding = fmt::format("{} does not run under the library (wait status {:#x}): {}",
                                 program.string(), status, first_line_of(output));
    result.advice = "report this, with the output of LD_DEBUG=all";
  } else if (fs::file_size(output, error) != 0) {
    result.finding = "the dynamic linker complains: " + first_line_of(output);
    result.advice = "install the library for this machine and this C library";
  } else if (!fs::exists(statistics, error)) {
    result.finding = "the dynamic linker ignores LD_PRELOAD here";
    result.advice = "programs that are static or setuid cannot be guests";
  } else if (!others.empty()) {
    result.health = Health::limited;
    result.finding = "programs run under the library, beside LD_PRELOAD=" + others;
    result.advice =
        "a malloc that stands before ours in LD_PRELOAD hides its blocks: put ours first";
  } else {
    result.health = Health::good;
    result.finding = "programs run under the library";
  }
  return result;
}

}  // namespace

std::vector<Diagnosis> examine_installation() {
  const fs::path library = find_preload_library();
  if (library.empty()) {
    return {{.subject = "library",
             .health = Health::broken,
             .finding = fmt::format("{} is not in lib/ beside this tool's bin/", kPreloadLibrary),
             .advice =
                 "build or install all of liballocs; the tree may be moved, but only as a whole"}};
  }
  if (access(library.c_str(), R_OK) != 0) {
    return {{.subject = "library",
             .health = Health::broken,
             .finding = fmt::format("{}: {}", library.string(), std::strerror(errno)),
             .advice = "let this user read it"}};
  }
  if (library.parent_path().string().find_first_of(":;") != std::string::npos) {
    return {{.subject = "library",
             .health = Health::broken,
             .finding = library.string() + ": LD_PRELOAD cannot name a path with ':' or ';'",
             .advice = "move the tree"}};
  }
  return {{.subject = "library", .health = Health::good, .finding = library.string(), .advice = {}},
          try_a_guest(library)};
}

}  // namespace allocs::tool
