// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "base/certainty.h"
#include "base/memory.h"
#include "elf/eh_frame.h"
#include "runt/auxv.h"
#include "runt/mapping.h"

// The only part that knows it runs inside the process it talks about.
namespace allocs::runt::self {

// The thread control block: fs:0, which is also where fs:0 points. Context: hook, signal.
inline Address thread_pointer() { return address_of(__builtin_thread_pointer()); }

// Kernel ids. One system call each. Context: signal.
int process_id();
int thread_id();

// This process's auxiliary vector, from /proc/self/auxv, which also works when the caller does not know where the stack
// starts (a library). Entries are absent when /proc is. Context: init.
AuxiliaryVector auxiliary_vector();

// Copies memory of this process that may not be there: false instead of SIGSEGV. One system call, about 0.3-1.4 us.
// Failure may leave `into` partly written. Context: signal, where the host allows system calls.
bool read_memory(Address from, void* into, std::size_t size);

// The mapping around one address, through a descriptor of its own that is closed again. Context: signal.
MappingAnswer mapping_of(Address address);

// The address of the C library's `_dl_find_object`, if it has one. Not a reference of ours, not even a weak one: the version that it
// would carry keeps the library from being loaded by an older glibc. Context: init.
void set_loader_lookup(void* dl_find_object);

// Finds the frame information of a pc through that function: 5 ns, without a lock. glibc before 2.35 has none; there, and until it is
// set, every answer is absent: use a table of modules.
// Context: signal.
struct LoaderEhFrames {
  static bool is_available();
  std::optional<elf::EhFrame> eh_frame_of(Address pc) const;
};

}  // namespace allocs::runt::self
