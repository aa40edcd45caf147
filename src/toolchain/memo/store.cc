// SPDX-License-Identifier: Apache-2.0
//
// How the size is bounded
//
// A directory for each first digit of a hash has a sixteenth of the limit. It is gone through at one in sixteen of the times that a file is kept
// in it, which the second digit decides: so going through them costs little, and however the uses are divided among processes, it happens. Then
// the oldest files go until three quarters are left. Finding a file makes it young again.
#include "toolchain/memo/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "base/write_all.h"

namespace allocs::memo {

namespace {

constexpr unsigned kParts = 16;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Could nobody else have written it?
bool is_ours(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

struct Name {
  char part[2];
  char file[32];
};

Name name_of(const Hash128& key) {
  char digits[33];
  std::snprintf(digits, sizeof(digits), "%016llx%016llx", static_cast<unsigned long long>(key.high),
                static_cast<unsigned long long>(key.low));
  Name name;
  name.part[0] = digits[0];
  name.part[1] = '\0';
  std::copy(digits + 1, digits + 33, name.file);
  return name;
}

Descriptor open_directory(int at, const char* path) {
  Descriptor directory(::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status;
  if (directory.is_open() && ::fstat(directory.number(), &status) == 0 && is_ours(status))
    return directory;
  return Descriptor(-1);
}

// As root, nothing is made among the files of a user, who could then not use it.
bool may_make_directories_in(const std::string& parent) {
  struct stat status;
  return ::stat(parent.c_str(), &status) == 0 &&
         (status.st_uid == ::geteuid() || status.st_uid == 0);
}

void make_directories(const std::string& path) {
  if (!path.starts_with('/') || ::access(path.c_str(), F_OK) == 0) return;
  const std::string parent = path.substr(0, path.rfind('/'));
  make_directories(parent);
  if (may_make_directories_in(parent.empty() ? "/" : parent)) ::mkdir(path.c_str(), 0700);
}

std::optional<Content> content_of(int file, std::size_t size) {
  if (size == 0) return Content({});
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (mapped == MAP_FAILED) return std::nullopt;
  return Content({static_cast<const char*>(mapped), size});
}

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

struct KeptFile {
  timespec used;
  std::uint64_t bytes;
  std::string name;
};

std::vector<KeptFile> files_in(int directory) {
  std::vector<KeptFile> files;
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseDirectory> stream(copy < 0 ? nullptr : ::fdopendir(copy));
  while (const dirent* entry = stream == nullptr ? nullptr : ::readdir(stream.get())) {
    struct stat status;
    if (::fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode))
      files.push_back(
          {status.st_mtim, static_cast<std::uint64_t>(status.st_blocks) * 512, entry->d_name});
  }
  return files;
}

void remove_oldest(int directory, std::uint64_t limit) {
  std::vector<KeptFile> files = files_in(directory);
  std::uint64_t total = 0;
  for (const KeptFile& file : files) total += file.bytes;
  if (total <= limit) return;
  std::ranges::sort(files, [](const KeptFile& a, const KeptFile& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (const KeptFile& file : files) {
    if (total <= limit / 4 * 3) break;
    if (::unlinkat(directory, file.name.c_str(), 0) == 0) total -= file.bytes;
  }
}

}  // namespace

Content::~Content() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

std::optional<Content> Store::find(const Hash128& key) const {
  const Name name = name_of(key);
  const Descriptor directory = open_directory(AT_FDCWD, directory_.c_str());
  if (!directory.is_open()) return std::nullopt;
  const Descriptor part = open_directory(directory.number(), name.part);
  if (!part.is_open()) return std::nullopt;
  const Descriptor file(
      ::openat(part.number(), name.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!file.is_open() || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode) ||
      !is_ours(status) || static_cast<std::uint64_t>(status.st_size) > limits_.one)
    return std::nullopt;
  ::futimens(file.number(), nullptr);
  return content_of(file.number(), static_cast<std::size_t>(status.st_size));
}

void Store::keep(const Hash128& key, std::string_view content) const {
  if (content.size() > limits_.one) return;
  make_directories(directory_);
  const Name name = name_of(key);
  const Descriptor directory = open_directory(AT_FDCWD, directory_.c_str());
  if (!directory.is_open()) return;
  ::mkdirat(directory.number(), name.part, 0700);
  const Descriptor part = open_directory(directory.number(), name.part);
  if (!part.is_open()) return;

  // What a process leaves behind that does not come to an end here is removed in its time, like any other.
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) return;
  char temporary[32];
  std::snprintf(temporary, sizeof(temporary), ".%016llx", static_cast<unsigned long long>(random));
  Descriptor file(::openat(part.number(), temporary,
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return;
  const bool is_written = write_all(file.number(), std::as_bytes(std::span(content)));
  if (::close(file.release()) != 0 || !is_written ||
      ::renameat(part.number(), temporary, part.number(), name.file) != 0) {
    ::unlinkat(part.number(), temporary, 0);
    return;
  }
  if (name.file[0] == '0') remove_oldest(part.number(), limits_.all / kParts);
}

}  // namespace allocs::memo
