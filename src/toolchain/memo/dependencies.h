// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace allocs::memo {

// Something outside of a computation that it has looked at, so that its outcome may be another once this is.
enum class DependencyKind : std::uint8_t {
  file,  // what is at a path, links followed; of a directory only which one it is, not what is in it
  listing,    // the names in a directory
  real_path,  // where the links in a path lead
  variable,   // a variable of the environment
  count_
};

struct Dependency {
  DependencyKind kind = DependencyKind::file;
  std::string name;  // a path as it was given to the system, or the variable's name
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 in what the compiler makes of it.
  friend auto operator<=>(const Dependency&, const Dependency&) = default;
};

// All that they are now, in one number: of a file that it is missing, or its kind, size, times of modification and of change, device
// and inode. In the order given. Nothing if that cannot be told, for example if the permission to look is missing.
std::optional<Hash128> state_of(std::span<const Dependency> dependencies);

// What a file was like when it was looked at.
struct FileSight {
  bool exists = false;
  bool is_directory = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;      // bytes
  std::uint64_t mtime_ns = 0;  // since 1970
  friend bool operator==(const FileSight&, const FileSight&) = default;
};

// Takes down what a computation looks at, while it runs.
class DependencyRecord {
 public:
  void saw_file(std::string_view path, const FileSight& sight);
  void listed(std::string_view path) {
    others_.insert({DependencyKind::listing, std::string(path)});
  }
  void resolved(std::string_view path) {
    others_.insert({DependencyKind::real_path, std::string(path)});
  }
  void asked_for(std::string_view variable) {
    others_.insert({DependencyKind::variable, std::string(variable)});
  }
  // It has used what another computation came to, which had looked at `dependencies` when they were in `state`.
  void used(std::span<const Dependency> dependencies, const Hash128& state) {
    used_.push_back({{dependencies.begin(), dependencies.end()}, state});
  }
  // The outcome depends on something that cannot be looked at again.
  void give_up() { is_usable_ = false; }

  struct Conclusion {
    std::vector<Dependency> dependencies;  // sorted
    Hash128 state;                         // of `dependencies`
  };
  // What the outcome depended on, looked at once more. Nothing if it has changed since `newest_ns`, the latest time at which a file or the names
  // in a directory may have changed, or since it was seen; or if there is something that nobody could tell the change of.
  std::optional<Conclusion> conclude(std::uint64_t newest_ns) const;

 private:
  std::map<std::string, FileSight, std::less<>> files_;
  std::set<Dependency> others_;
  std::vector<Conclusion> used_;
  bool is_usable_ = true;
};

}  // namespace allocs::memo
