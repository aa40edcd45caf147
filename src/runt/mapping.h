// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.h"
#include "base/certainty.h"

// One line of /proc/PID/maps, for the address that is asked about.
//
// From Linux 6.11 on the kernel answers with one ioctl on that file (PROCMAP_QUERY, 0.5-2 us whatever the number of
// mappings); before, the text is read through a small buffer and parsed line by line, up to the line that answers.
namespace allocs::runt {

struct Mapping {
  static constexpr std::size_t kMaxName = 256;

  AddressRange range;
  bool is_readable = false;
  bool is_writable = false;
  bool is_executable = false;
  bool is_shared = false;
  FileOffset offset{};
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;  // 0: no file
  // Path or "[stack]", "[heap]", "[vdso]", "[anon:...]"; empty for plain memory. Cut to fit, `name_was_cut` tells.
  char name[kMaxName] = {};
  bool name_was_cut = false;
};

struct MappingAnswer {
  Certainty certainty = Certainty::cannot_tell;
  Mapping mapping;  // when known
};

// The maps file of one process, open for questions. Owns a descriptor; answers "cannot tell" until opened.
// Context: signal. Makes system calls: open() three, mapping_of() one, or many without PROCMAP_QUERY.
class MappingTable {
 public:
  constexpr MappingTable() = default;
  ~MappingTable() { close(); }
  MappingTable(const MappingTable&) = delete;
  MappingTable& operator=(const MappingTable&) = delete;

  // `pid` 0: this process. Returns 0, or the error number.
  int open(int pid);
  void close();
  bool is_open() const { return descriptor_ >= 0; }

  // The mapping that contains `address`; nothing_there if none does.
  MappingAnswer mapping_of(Address address) const;
  // The one that contains `address`, or else the first one above it. For walks: ask again at its end.
  MappingAnswer mapping_at_or_above(Address address) const;

  // Never use the ioctl: for tests of the other way.
  void avoid_query() { avoids_query_ = true; }

 private:
  MappingAnswer ask(Address address, bool or_above) const;
  int descriptor_ = -1;
  bool avoids_query_ = false;
};

// Parses one line of a maps file (without its newline). Absent when it is not one. Context: signal.
std::optional<Mapping> parse_mapping_line(std::span<const char> line);

}  // namespace allocs::runt
