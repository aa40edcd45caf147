// SPDX-License-Identifier: Apache-2.0
//
// How a change is noticed
//
// A file is what it was if it has the same inode, size, modification time and change time. The kernel sets the change time whenever content,
// attributes or links change, and no program can set it. But time stamps are coarse: a file that is written twice within one tick, the second
// time after it was read, keeps its stamps. So nothing is concluded from a file whose stamps are so new that the tick of its last change may
// still have been running when the computation began; conclude() is told the limit.
//
// A file that is there is looked at when it is used and once more at the end. Both times it must be the same, and its stamps
// of the end are older than the beginning: so it has not changed in between either.
#include "toolchain/memo/dependencies.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

namespace allocs::memo {

namespace {

std::uint64_t nanoseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

enum class Presence { here, missing, unknown };

Presence look_at(const std::string& path, struct stat& status) {
  if (::stat(path.c_str(), &status) == 0) return Presence::here;
  return errno == ENOENT || errno == ENOTDIR ? Presence::missing : Presence::unknown;
}

// Adds up what the dependencies are.
class State {
 public:
  bool add(const Dependency& dependency) {
    switch (dependency.kind) {
      case DependencyKind::file:
        return add_file(dependency.name, /*with_content=*/false);
      case DependencyKind::listing:
        return add_file(dependency.name, /*with_content=*/true);
      case DependencyKind::real_path:
        return add_real_path(dependency.name);
      case DependencyKind::variable:
        add_text(std::getenv(dependency.name.c_str()));
        return true;
      case DependencyKind::count_:
        break;
    }
    return false;
  }
  Hash128 hash() const { return hasher_.finish(); }
  // The latest time at which a file changed that counts with its content.
  std::uint64_t newest_ns() const { return newest_ns_; }
  // Of the file that was added last; all zero if it is missing.
  const struct stat& last_status() const { return status_; }

 private:
  bool add_file(const std::string& path, bool with_content) {
    status_ = {};
    const Presence presence = look_at(path, status_);
    if (presence == Presence::unknown) return false;
    hasher_.add(std::uint64_t{presence == Presence::here});
    if (presence == Presence::missing) return true;
    hasher_.add(std::uint64_t{status_.st_mode & S_IFMT});
    hasher_.add(std::uint64_t{status_.st_dev});
    hasher_.add(std::uint64_t{status_.st_ino});
    if (S_ISDIR(status_.st_mode) && !with_content) return true;
    hasher_.add(static_cast<std::uint64_t>(status_.st_size));
    for (const timespec& time : {status_.st_mtim, status_.st_ctim}) {
      hasher_.add(nanoseconds(time));
      newest_ns_ = std::max(newest_ns_, nanoseconds(time));
    }
    return true;
  }

  bool add_real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                           &std::free);
    if (real == nullptr && errno != ENOENT && errno != ENOTDIR) return false;
    add_text(real.get());
    return true;
  }

  void add_text(const char* text) {
    hasher_.add(std::uint64_t{text != nullptr});
    if (text != nullptr) hasher_.add(std::string_view(text));
  }

  Hasher hasher_;
  std::uint64_t newest_ns_ = 0;
  struct stat status_ {};
};

bool is_what_was_seen(const struct stat& status, const FileSight& sight) {
  if (status.st_mode == 0 || !sight.exists) return (status.st_mode != 0) == sight.exists;
  if (S_ISDIR(status.st_mode) != sight.is_directory || status.st_dev != sight.device ||
      status.st_ino != sight.inode)
    return false;
  if (sight.is_directory) return true;
  // Devices and pipes have content that no time stamp tells of.
  return S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) == sight.size &&
         nanoseconds(status.st_mtim) == sight.mtime_ns;
}

}  // namespace

std::optional<Hash128> state_of(std::span<const Dependency> dependencies) {
  State state;
  for (const Dependency& dependency : dependencies) {
    if (!state.add(dependency)) return std::nullopt;
  }
  return state.hash();
}

void DependencyRecord::saw_file(std::string_view path, const FileSight& sight) {
  const auto at = files_.lower_bound(path);
  if (at == files_.end() || at->first != path) {
    files_.emplace_hint(at, path, sight);
    return;
  }
  const FileSight& before = at->second;
  const bool is_same_directory = before.is_directory && sight.is_directory &&
                                 before.device == sight.device && before.inode == sight.inode;
  if (before != sight && !is_same_directory) give_up();
}

std::optional<DependencyRecord::Conclusion> DependencyRecord::conclude(
    std::uint64_t newest_ns) const {
  if (!is_usable_) return std::nullopt;
  std::vector<Dependency> all(others_.begin(), others_.end());
  for (const auto& [path, sight] : files_) all.push_back({DependencyKind::file, path});
  for (const Conclusion& used : used_) {
    if (state_of(used.dependencies) != used.state) return std::nullopt;
    all.insert(all.end(), used.dependencies.begin(), used.dependencies.end());
  }
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());

  State state;
  for (const Dependency& dependency : all) {
    if (!state.add(dependency)) return std::nullopt;
    if (dependency.kind != DependencyKind::file) continue;
    const auto seen = files_.find(dependency.name);
    if (seen != files_.end() && !is_what_was_seen(state.last_status(), seen->second))
      return std::nullopt;
  }
  if (state.newest_ns() >= newest_ns) return std::nullopt;
  return Conclusion{std::move(all), state.hash()};
}

}  // namespace allocs::memo
