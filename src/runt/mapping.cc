// SPDX-License-Identifier: Apache-2.0
#include "runt/mapping.h"

#include <asm/ioctl.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include <charconv>
#include <cstring>

#include "base/raw_syscall.h"

namespace allocs::runt {
namespace {

constexpr int kNoEntry = 2;       // ENOENT
constexpr int kInterrupted = 4;   // EINTR
constexpr int kNameTooLong = 36;  // ENAMETOOLONG

// The kernel's struct procmap_query and its flags (include/uapi/linux/fs.h, Linux 6.11), which Debian 12's headers lack.
struct ProcmapQuery {
  std::uint64_t size = 104;
  std::uint64_t query_flags = 0;
  std::uint64_t query_addr = 0;
  std::uint64_t vma_start = 0;
  std::uint64_t vma_end = 0;
  std::uint64_t vma_flags = 0;
  std::uint64_t vma_page_size = 0;
  std::uint64_t vma_offset = 0;
  std::uint64_t inode = 0;
  std::uint32_t dev_major = 0;
  std::uint32_t dev_minor = 0;
  std::uint32_t vma_name_size = 0;
  std::uint32_t build_id_size = 0;
  std::uint64_t vma_name_addr = 0;
  std::uint64_t build_id_addr = 0;
};
static_assert(sizeof(ProcmapQuery) == 104);
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, ProcmapQuery);
enum : std::uint64_t {
  kReadable = 1,
  kWritable = 2,
  kExecutable = 4,
  kShared = 8,
  kCoveringOrNext = 16
};

// Absent: the kernel has no such request, or none for this file.
std::optional<MappingAnswer> ask_kernel(int descriptor, Address address, bool or_above) {
  MappingAnswer answer;
  Mapping& mapping = answer.mapping;
  ProcmapQuery query;
  const auto ask = [&](std::uint32_t name_size) {
    query = {};
    query.query_flags = or_above ? std::uint64_t{kCoveringOrNext} : 0;
    query.query_addr = raw(address);
    query.vma_name_size = name_size;
    query.vma_name_addr = name_size == 0 ? 0 : raw(address_of(mapping.name));
    return raw_syscall(SYS_ioctl, descriptor, kProcmapQuery, &query);
  };
  SyscallResult result = ask(sizeof mapping.name);
  if (result.error() == kNameTooLong) {
    mapping.name_was_cut = true;
    result = ask(0);
  }
  if (result.error() == kNoEntry) {
    answer.certainty = Certainty::nothing_there;
    return answer;
  }
  if (!result.ok()) return std::nullopt;
  if (query.vma_name_size == 0) mapping.name[0] = '\0';
  answer.certainty = Certainty::known;
  mapping.range = {Address{query.vma_start}, Address{query.vma_end}};
  mapping.is_readable = (query.vma_flags & kReadable) != 0;
  mapping.is_writable = (query.vma_flags & kWritable) != 0;
  mapping.is_executable = (query.vma_flags & kExecutable) != 0;
  mapping.is_shared = (query.vma_flags & kShared) != 0;
  mapping.offset = FileOffset{query.vma_offset};
  mapping.device_major = query.dev_major;
  mapping.device_minor = query.dev_minor;
  mapping.inode = query.inode;
  return answer;
}

// The lines of a maps file one after the other, cut to the size of the buffer.
class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  // The next line without its newline; absent at the end and on an error, which ok() tells apart.
  std::optional<std::span<const char>> next() {
    std::size_t length = 0;
    was_cut_ = false;
    for (;;) {
      if (at_ == filled_ && !fill()) return std::nullopt;
      const char character = buffer_[at_++];
      if (character == '\n') return std::span<const char>{line_, length};
      if (length < sizeof line_) {
        line_[length++] = character;
      } else {
        was_cut_ = true;
      }
    }
  }
  bool ok() const { return ok_; }
  bool was_cut() const { return was_cut_; }

 private:
  bool fill() {
    SyscallResult result{};
    do {
      result = raw_syscall(SYS_pread64, descriptor_, buffer_, sizeof buffer_, offset_);
    } while (result.error() == kInterrupted);
    ok_ = result.ok();
    if (result.value <= 0) return false;
    offset_ += result.value;
    filled_ = static_cast<std::size_t>(result.value);
    at_ = 0;
    return true;
  }

  int descriptor_;
  std::int64_t offset_ = 0;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  bool ok_ = true;
  bool was_cut_ = false;
  char line_[Mapping::kMaxName + 96];
  char buffer_[1024];
};

MappingAnswer search_text(int descriptor, Address address, bool or_above) {
  Lines lines{descriptor};
  while (const auto line = lines.next()) {
    const auto mapping = parse_mapping_line(*line);
    if (!mapping || mapping->range.end <= address) continue;
    MappingAnswer answer;
    const bool is_answer = or_above || mapping->range.begin <= address;
    answer.certainty = is_answer ? Certainty::known : Certainty::nothing_there;
    if (is_answer) {
      answer.mapping = *mapping;
      if (lines.was_cut()) answer.mapping.name_was_cut = true;
    }
    return answer;
  }
  MappingAnswer answer;
  if (lines.ok()) answer.certainty = Certainty::nothing_there;
  return answer;
}

}  // namespace

int MappingTable::open(int pid) {
  close();
  char path[32] = "/proc/self/maps";
  if (pid != 0) {
    char* end = std::to_chars(path + 6, path + sizeof path - 6, pid).ptr;
    std::memcpy(end, "/maps", 6);
  }
  const SyscallResult result = raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (!result.ok()) return result.error();
  descriptor_ = static_cast<int>(result.value);
  return 0;
}

void MappingTable::close() {
  if (descriptor_ >= 0) raw_syscall(SYS_close, descriptor_);
  descriptor_ = -1;
}

MappingAnswer MappingTable::mapping_of(Address address) const { return ask(address, false); }
MappingAnswer MappingTable::mapping_at_or_above(Address address) const {
  return ask(address, true);
}

MappingAnswer MappingTable::ask(Address address, bool or_above) const {
  if (!is_open()) return {};
  if (!avoids_query_) {
    if (const auto answer = ask_kernel(descriptor_, address, or_above)) return *answer;
  }
  return search_text(descriptor_, address, or_above);
}

// begin-end perms offset major:minor inode   name
std::optional<Mapping> parse_mapping_line(std::span<const char> line) {
  const char* at = line.data();
  const char* const end = at + line.size();
  bool ok = true;
  const auto number = [&]<typename T>(T& into, int base, char after) {
    const auto result = std::from_chars(at, end, into, base);
    at = result.ptr;
    ok = ok && result.ec == std::errc{} && at != end && *at == after;
    if (ok) ++at;
  };
  std::uint64_t begin = 0, last = 0, offset = 0;
  Mapping mapping;
  number(begin, 16, '-');
  number(last, 16, ' ');
  if (!ok || end - at < 5) return std::nullopt;
  mapping.is_readable = at[0] == 'r';
  mapping.is_writable = at[1] == 'w';
  mapping.is_executable = at[2] == 'x';
  mapping.is_shared = at[3] == 's';
  at += 5;
  number(offset, 16, ' ');
  number(mapping.device_major, 16, ':');
  number(mapping.device_minor, 16, ' ');
  const auto inode = std::from_chars(at, end, mapping.inode);
  if (!ok || inode.ec != std::errc{} || begin >= last) return std::nullopt;
  at = inode.ptr;
  while (at != end && *at == ' ') ++at;
  mapping.range = {Address{begin}, Address{last}};
  mapping.offset = FileOffset{offset};
  std::size_t length = static_cast<std::size_t>(end - at);
  mapping.name_was_cut = length >= Mapping::kMaxName;
  if (mapping.name_was_cut) length = Mapping::kMaxName - 1;
  std::memcpy(mapping.name, at, length);
  mapping.name[length] = '\0';
  return mapping;
}

}  // namespace allocs::runt
