// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "runt/auxv.h"
#include "runt/mapping.h"
#include "runt/remote/page_cache.h"
#include "runt/remote/result.h"

namespace allocs::runt::remote {

// The memory of another live process, read page by page and kept. It need not be stopped; then what was read at different
// times may not fit together: refresh() drops all copies (and ends all views). Movable; for one thread.
class ProcessMemory {
 public:
  // Checks that the process is there, may be read, and is of a kind that we understand.
  static Result<ProcessMemory> attach(int pid);

  // Absent pages are remembered as well as present ones.
  const std::byte* view(Address at, std::size_t size) const {
    return cache_->view(at, size,
                        [this](Address page, std::byte* into) { return read_page(page, into); });
  }
  void refresh() { cache_->clear(); }
  // Reads into a buffer and keeps nothing, for much memory that is looked at once. How many bytes could be read from `at` on.
  std::size_t copy(Address at, std::byte* into, std::size_t size) const;

  int pid() const { return pid_; }
  const AuxiliaryVector& auxiliary_vector() const { return auxiliary_vector_; }
  Address start_of_stack() const {
    return start_of_stack_;
  }  // of argc; 0: the kernel does not tell us
  // Read afresh at every call.
  std::vector<Mapping> mappings() const;
  std::vector<std::string> command_line() const;

 private:
  explicit ProcessMemory(int pid) : pid_(pid) {}
  bool read_page(Address page, std::byte* into) const;

  int pid_;
  AuxiliaryVector auxiliary_vector_;
  Address start_of_stack_{};
  std::unique_ptr<PageCache> cache_ = std::make_unique<PageCache>();
};
static_assert(Memory<ProcessMemory>);

// The fields of /proc/PID/stat that attaching needs.
struct ProcessStat {
  char state = '?';
  std::uint64_t flags = 0;
  std::uint64_t start_of_stack = 0;
};
// Absent when `line` is not one. The command's name may hold spaces and parentheses.
std::optional<ProcessStat> parse_process_stat(const std::string& line);

}  // namespace allocs::runt::remote
