// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/meta_all_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "meta/debuginfod.h"
#include "tools/allocs/cached_image.h"
#include "tools/allocs/objects_of_program.h"
#include "tools/allocs/objects_of_system.h"
#include "tools/allocs/progress.h"
#include "types/image_path.h"

// One process of `allocs meta build` an object, several at a time: an object that is damaged beyond belief ends its own process only,
// and memory is given back after each. Images that are there already are kept, and no process is started for them, so a run that was cut short
// goes on where it was. An image gets its name when all of it is written, so two runs at once, or one that ends in the middle, never leave half an
// image; and a run begins at a place of its own in the list, so that two of them share the work.
namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

struct AllOptions {
  std::vector<std::string> what;
  bool system = false;
  bool shared = false;
  bool quiet = false;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
};

struct Outcome {
  std::size_t made = 0;  // or there already
  std::vector<fs::path> failed;
};

// Adds what `name` stands for to `objects`; false if it stands for nothing.
bool add_objects(const std::string& name, std::vector<fs::path>& objects) {
  std::vector<fs::path> found;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  std::error_code ignored;
  if (error == std::errc() && end == name.data() + name.size()) {
    found = objects_of_process(pid);
  } else if (fs::is_directory(name, ignored)) {
    found = objects_below({name});
  } else if (const fs::path program = find_program(name); !program.empty()) {
    found = objects_of_program(program);
  } else if (fs::is_regular_file(name, ignored)) {
    found = {name};  // a library that is not executable
  }
  for (const fs::path& object : found) {
    const fs::path real = fs::canonical(object, ignored);
    objects.push_back(ignored ? object : real);
  }
  return !found.empty();
}

class Builders {
 public:
  Builders(const AllOptions& options, std::size_t total)
      : options_(options), progress_("metadata", total, options.quiet) {}

  void start(const fs::path& object) {
    if (running_.size() >= options_.jobs) wait_for_one();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
    std::string name = object.string();
    char tool[] = "allocs", meta[] = "meta", build[] = "build", quiet[] = "-q", end[] = "--";
    char* arguments[] = {tool, meta, build, quiet, end, name.data(), nullptr};
    pid_t child = 0;
    const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      outcome_.failed.push_back(object);
    } else {
      running_.emplace(child, object);
    }
  }

  void keep(const fs::path& object) {
    progress_.step(object.filename().string());
    ++outcome_.made;
  }

  Outcome finish() {
    while (!running_.empty()) wait_for_one();
    std::ranges::sort(outcome_.failed);
    return std::move(outcome_);
  }

 private:
  void wait_for_one() {
    int status = 0;
    const pid_t child = waitpid(-1, &status, 0);
    if (child < 0 && errno == EINTR) return;
    const auto done = running_.find(child);
    if (done == running_.end()) return;
    progress_.step(done->second.filename().string());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      ++outcome_.made;
    } else {
      outcome_.failed.push_back(done->second);
    }
    running_.erase(done);
  }

  const AllOptions& options_;
  Progress progress_;
  std::map<pid_t, fs::path> running_;
  Outcome outcome_;
};

// Images for all users, where every reader looks last: the builders' cache is moved there.
bool use_shared_directory() {
  const fs::path folder = fs::path(types::kSystemImages).parent_path();
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  std::error_code error;
  fs::create_directories(types::kSystemImages, error);
  return access(fs::path(types::kSystemImages).c_str(), W_OK | X_OK) == 0;
}

// Files are made for their owner alone; these are for everybody.
void let_everybody_read(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    std::error_code ignored;
    const bool is_image = entry.path().extension() == ".meta";
    if (entry.is_directory(ignored) || is_image) {
      using enum fs::perms;
      fs::permissions(entry.path(),
                      owner_read | owner_write | group_read | others_read |
                          (is_image ? none : owner_exec | group_exec | others_exec),
                      ignored);
    }
  }
}

// Is there nothing to do? Of what has no debug information here, a builder may know servers.
bool is_made(const fs::path& object) {
  const CachedImage found = examine_cached_image(object);
  return found == CachedImage::good ||
         (found == CachedImage::poor && !meta::Debuginfod::is_wanted());
}

int make_all(const AllOptions& options) {
  std::vector<fs::path> objects;
  for (const std::string& name : options.what) {
    if (add_objects(name, objects)) continue;
    fmt::print(
        stderr,
        "allocs: {}: no process, program, library or directory with objects that can be read\n",
        name);
    return 2;
  }
  if (options.system) {
    objects = objects_below(system_directories());
    // The debug information of a whole system is gigabytes, which nobody wants by accident.
    unsetenv("DEBUGINFOD_URLS");
  }
  if (objects.empty()) {
    fmt::print(stderr, "allocs: name processes, programs or directories, or say --system\n");
    return 2;
  }
  if (options.shared && !use_shared_directory()) {
    fmt::print(stderr, "allocs: {}: cannot be written; --shared is for root\n",
               types::kSystemImages);
    return 2;
  }
  std::ranges::sort(objects);
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  const auto middle =
      objects.begin() +
      static_cast<std::ptrdiff_t>(static_cast<std::size_t>(getpid()) * 7919 % objects.size());
  std::rotate(objects.begin(), middle, objects.end());

  Builders builders(options, objects.size());
  for (const fs::path& object : objects) {
    if (is_made(object)) {
      builders.keep(object);
    } else {
      builders.start(object);
    }
  }
  const Outcome outcome = builders.finish();

  if (options.shared) let_everybody_read(types::kSystemImages);
  if (!options.quiet) fmt::print("{} of {} objects have metadata\n", outcome.made, objects.size());
  for (const fs::path& object : outcome.failed)
    fmt::print(stderr, "{}: no metadata could be made; allocs meta build {} says why\n",
               object.string(), object.string());
  return outcome.failed.empty() ? 0 : 1;
}

}  // namespace

void add_meta_all_command(CLI::App& group, int& status) {
  auto options = std::make_shared<AllOptions>();
  CLI::App* all = group.add_subcommand(
      "all", "Make the metadata of all objects of processes, programs, directories or the system");
  all->add_option("what", options->what, "Process ids, programs, libraries, directories");
  all->add_flag("--system", options->system,
                "All programs and libraries in the system's directories");
  all->add_flag("--shared", options->shared, "Keep the images for all users (as root)");
  all->add_option("-j,--jobs", options->jobs, "Objects at a time; default: as many as processors")
      ->check(CLI::Range(1u, 1024u));
  all->add_flag("-q,--quiet", options->quiet, "Say nothing but errors");
  all->callback([options, &status] { status = make_all(*options); });
}

}  // namespace allocs::tool
