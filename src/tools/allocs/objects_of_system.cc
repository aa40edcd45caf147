// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/objects_of_system.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace allocs::tool {

namespace fs = std::filesystem;

namespace {

// Only the start of the file is read: a system has many files that are something else.
bool is_loadable(const fs::path& path) {
  Elf64_Ehdr header;
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(&header), sizeof(header))) return false;
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
         (header.e_type == ET_EXEC || header.e_type == ET_DYN) && header.e_phnum != 0;
}

class Collection {
 public:
  void add(const fs::path& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    if (!error && !found_.contains(real) && is_loadable(real)) found_.insert(real);
  }
  std::vector<fs::path> take() const { return {found_.begin(), found_.end()}; }

 private:
  std::set<fs::path> found_;
};

}  // namespace

std::vector<fs::path> objects_of_process(pid_t pid) {
  Collection objects;
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string range, permissions, offset, device, inode;
    words >> range >> permissions >> offset >> device >> inode >> std::ws;
    std::string path;
    std::getline(words, path);
    if (path.starts_with('/') && permissions.find('x') != std::string::npos) objects.add(path);
  }
  return objects.take();
}

std::vector<fs::path> objects_below(const std::vector<fs::path>& directories) {
  Collection objects;
  std::error_code error;
  for (const fs::path& directory : directories) {
    auto at = fs::recursive_directory_iterator(
        directory, fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      std::error_code unreadable;
      if (!at->is_symlink(unreadable) && at->is_regular_file(unreadable)) objects.add(at->path());
    }
    error.clear();
  }
  return objects.take();
}

std::vector<fs::path> system_directories() {
  std::set<fs::path> directories;
  std::error_code error;
  for (const char* name : {"/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib",
                           "/usr/libexec", "/usr/local/bin", "/usr/local/lib"}) {
    const fs::path real = fs::canonical(name, error);
    if (!error && fs::is_directory(real, error)) directories.insert(real);
  }
  return {directories.begin(), directories.end()};
}

}  // namespace allocs::tool
