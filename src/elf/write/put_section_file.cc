// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "elf/write/put_section.h"

// The half of put_section() that touches files; which bytes to write is planned in put_section.cc.
namespace allocs::elf::write {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

std::string last_error() { return std::strerror(errno); }

bool write_at(int fd, const void* bytes, std::size_t size, std::uint64_t offset) {
  const auto* next = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t written = ::pwrite(fd, next, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    next += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_at(int fd, std::span<std::byte> into, std::uint64_t offset) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

// The kernel copies, and shares blocks where the file system can.
bool copy(int from, int to, std::uint64_t size) {
  std::uint64_t done = 0;
  while (done < size) {
    auto in = static_cast<off_t>(done);
    auto out = static_cast<off_t>(done);
    const ssize_t copied = ::copy_file_range(from, &in, to, &out, size - done, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) break;
    done += static_cast<std::uint64_t>(copied);
  }
  std::vector<std::byte> buffer(std::size_t{1} << 16);
  while (done < size) {
    const std::span piece =
        std::span(buffer).first(std::min<std::uint64_t>(size - done, buffer.size()));
    if (!read_at(from, piece, done) || !write_at(to, piece.data(), piece.size(), done))
      return false;
    done += piece.size();
  }
  return true;
}

std::string write_edit(int fd, const Edit& edit) {
  if (!write_at(fd, edit.tail.data(), edit.tail.size(), edit.kept) ||
      !write_at(fd, &edit.header, sizeof edit.header, 0))
    return last_error();
  return {};
}

struct Target {
  const std::string& path;
  int fd;
  struct stat status;
  InputFile input;
};

enum class Outcome { done, failed, not_possible };

Outcome replace_file(const Target& target, const NewSection& section, std::string& problem) {
  const auto edit = plan_section(target.input, section, true, problem);
  if (!edit) return Outcome::failed;
  std::string temporary = target.path + ".XXXXXX";
  Descriptor out(::mkostemp(temporary.data(), O_CLOEXEC));
  if (out.get() < 0) return Outcome::not_possible;
  const bool same_owner =
      (target.status.st_uid == ::geteuid() && target.status.st_gid == ::getegid()) ||
      ::fchown(out.get(), target.status.st_uid, target.status.st_gid) == 0;
  Outcome outcome = Outcome::failed;
  if (!same_owner) {
    outcome = Outcome::not_possible;
  } else if (!copy(target.fd, out.get(), edit->kept)) {
    problem = last_error();
  } else if (problem = write_edit(out.get(), *edit); !problem.empty()) {
  } else if (::fchmod(out.get(), target.status.st_mode & 07777) != 0 || !out.close() ||
             ::rename(temporary.c_str(), target.path.c_str()) != 0) {
    problem = last_error();
  } else {
    return Outcome::done;
  }
  ::unlink(temporary.c_str());
  return outcome;
}

Outcome append_to_file(const Target& target, const NewSection& section, std::string& problem) {
  const auto edit = plan_section(target.input, section, false, problem);
  if (!edit) return Outcome::failed;
  Descriptor out(::open(target.path.c_str(), O_WRONLY | O_CLOEXEC));
  if (out.get() < 0) {
    problem = last_error();
    return Outcome::failed;
  }
  Elf64_Ehdr old_header;
  if (!read_at(target.fd, std::as_writable_bytes(std::span(&old_header, 1)), 0)) {
    problem = "cannot be read";
    return Outcome::failed;
  }
  problem = write_edit(out.get(), *edit);
  if (!problem.empty()) {
    if (write_at(out.get(), &old_header, sizeof old_header, 0)) [[maybe_unused]]
      const int ignored = ::ftruncate(out.get(), target.status.st_size);
    return Outcome::failed;
  }
  ::fchmod(out.get(), target.status.st_mode & 07777);  // writing clears set-user-id
  return Outcome::done;
}

}  // namespace

std::string put_section(const std::filesystem::path& path, const NewSection& section) {
  const auto said = [&](const std::string& problem) { return path.string() + ": " + problem; };
  std::error_code error;
  const std::string real = std::filesystem::canonical(path, error).string();
  if (error) return said(error.message());
  const Descriptor file(::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  Target target{real, file.get(), {}, {}};
  if (file.get() < 0 || ::fstat(file.get(), &target.status) != 0) return said(last_error());
  if (!S_ISREG(target.status.st_mode)) return said("is not a regular file");
  target.input = {static_cast<std::uint64_t>(target.status.st_size),
                  [&](std::uint64_t offset, std::span<std::byte> into) {
                    return read_at(file.get(), into, offset);
                  }};
  std::string problem;
  Outcome outcome = Outcome::not_possible;
  if (target.status.st_nlink == 1) outcome = replace_file(target, section, problem);
  if (outcome == Outcome::not_possible) outcome = append_to_file(target, section, problem);
  return outcome == Outcome::done ? std::string{} : said(problem);
}

}  // namespace allocs::elf::write
