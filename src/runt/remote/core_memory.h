// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "elf/build_id.h"
#include "runt/auxv.h"
#include "runt/remote/file_mapping.h"
#include "runt/remote/page_cache.h"
#include "runt/remote/result.h"
#include "runt/remote/thread_state.h"

namespace allocs::runt::remote {

// A part of a file that the process had mapped (NT_FILE).
struct CoreFileMapping {
  AddressRange range;
  FileOffset offset{};
  std::size_t file = 0;  // in CoreMemory::files()
};

// A mapped file, and what became of it.
struct CoreFile {
  enum class State : std::uint8_t {
    not_opened,  // nobody has needed it yet
    same,        // its build-id is the one in the core
    unverified,  // it has none, or the core does not say
    different,   // another build lies there now: not read
    missing,
  };
  std::string path;    // as the process had it
  std::string opened;  // below the sysroot, if there is one
  State state = State::not_opened;
  FileMapping mapping;
};

struct CoreOptions {
  std::string sysroot;  // put before the paths of mapped files; empty: none
};

// The memory of a dead process, from an ELF core file by the kernel or by gcore.
//
// What the core holds is read from its mapping, without a copy. What it leaves out because a file had it (program text)
// is read from that file, provided that the file is still the same build. A core that was cut short still answers for the
// part that is there. Movable; views live as long as the object; for one thread.
class CoreMemory {
 public:
  static Result<CoreMemory> open(const std::string& path, CoreOptions options = {});

  const std::byte* view(Address at, std::size_t size) const;
  // The same into a buffer: how many bytes are there from `at` on, in whole pages.
  std::size_t copy(Address at, std::byte* into, std::size_t size) const;

  const AuxiliaryVector& auxiliary_vector() const { return auxiliary_vector_; }
  const std::vector<ThreadState>& threads() const {
    return threads_;
  }  // the one that got the signal first
  const std::vector<CoreFileMapping>& file_mappings() const {
    return file_mappings_;
  }  // by address
  const std::deque<CoreFile>& files() const { return files_; }
  const std::string& command_line() const { return command_line_; }  // the first 80 bytes of it
  int pid() const { return pid_; }
  int signal() const { return signal_; }  // 0: it was not killed by one
  std::optional<Address> fault_address() const {
    return fault_address_;
  }  // of SIGSEGV, SIGBUS and their like
  bool is_truncated() const { return is_truncated_; }
  // Every range that was mapped, dumped or not, by address. Neighbours are not joined.
  std::vector<AddressRange> mapped_ranges() const;

 private:
  struct Segment {
    AddressRange range;        // that was mapped
    std::uint64_t dumped = 0;  // bytes from its begin that the core holds
    std::uint64_t offset = 0;  // of these in the core
  };

  CoreMemory() = default;
  std::optional<Failure> read_segments(const std::string& path);
  void read_notes(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment);
  void read_file_note(const std::byte* bytes, std::size_t size);
  const Segment* find_segment(Address at) const;
  const std::byte* view_in_core(Address at, std::size_t size) const;
  std::span<const std::byte> file_bytes_at(Address at) const;
  const std::byte* view_in_file(Address at, std::size_t size) const;
  void open_file(std::size_t index) const;
  std::optional<elf::BuildId> dumped_build_id(std::size_t file) const;
  bool fill_page(Address page, std::byte* into) const;

  CoreOptions options_;
  FileMapping core_;
  std::vector<Segment> segments_;  // by address
  std::vector<CoreFileMapping> file_mappings_;
  mutable std::deque<CoreFile> files_;  // opened when first needed
  AuxiliaryVector auxiliary_vector_;
  std::vector<ThreadState> threads_;
  std::string command_line_;
  int pid_ = 0;
  int signal_ = 0;
  std::optional<Address> fault_address_;
  bool is_truncated_ = false;
  std::unique_ptr<PageCache> stitched_ = std::make_unique<PageCache>();
};
static_assert(Memory<CoreMemory>);

}  // namespace allocs::runt::remote
