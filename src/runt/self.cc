// SPDX-License-Identifier: Apache-2.0
#include "runt/self.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/every_process.h"
#include "base/raw_syscall.h"

namespace allocs::runt::self {

namespace {

// struct dl_find_object of <dlfcn.h>, which the headers of an older glibc lack.
struct LoaderObject {
  unsigned long long flags;
  void* begin;
  void* end;
  void* link_map;
  void* eh_frame_header;
  unsigned long long reserved[7];
};
using FindObject = int (*)(void* pc, LoaderObject* result);
constinit FindObject g_find_object = nullptr;

}  // namespace

int process_id() { return static_cast<int>(raw_syscall(SYS_getpid).value); }
int thread_id() { return static_cast<int>(raw_syscall(SYS_gettid).value); }

AuxiliaryVector auxiliary_vector() {
  Elf64_auxv_t entries[64] = {};
  const SyscallResult file =
      raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);
  if (!file.ok()) return {};
  const SyscallResult size = raw_syscall(SYS_read, file.value, entries, sizeof entries);
  raw_syscall(SYS_close, file.value);
  if (!size.ok()) return {};
  const auto* bytes = reinterpret_cast<const std::byte*>(entries);
  const SpanMemory memory{Address{0}, bytes, static_cast<std::size_t>(size.value)};
  return read_auxiliary_vector(memory, Address{0});
}

bool read_memory(Address from, void* into, std::size_t size) {
  const iovec here{into, size};
  const iovec there{reinterpret_cast<void*>(raw(from)), size};
  const SyscallResult result =
      raw_syscall(SYS_process_vm_readv, process_id(), &here, 1, &there, 1, 0);
  return result.ok() && static_cast<std::size_t>(result.value) == size;
}

MappingAnswer mapping_of(Address address) {
  MappingTable table;
  if (table.open(0) != 0) return {};
  return table.mapping_of(address);
}

[[ALLOCS_EVERY_PROCESS]] void set_loader_lookup(void* dl_find_object) {
  g_find_object = reinterpret_cast<FindObject>(dl_find_object);
}

bool LoaderEhFrames::is_available() { return g_find_object != nullptr; }

std::optional<elf::EhFrame> LoaderEhFrames::eh_frame_of(Address pc) const {
  if (!is_available()) return std::nullopt;
  LoaderObject object;
  if (g_find_object(reinterpret_cast<void*>(raw(pc)), &object) != 0) return std::nullopt;
  if (object.eh_frame_header == nullptr) return std::nullopt;
  const Address header = address_of(object.eh_frame_header);
  AddressRange bounds{address_of(object.begin), address_of(object.end)};
  // Of an executable with gaps between its segments, as it has when one is aligned to more than a page, the loader tells the segment of the pc. The information lies in another one.
  if (!bounds.contains(header)) {
    LoaderObject other;
    if (g_find_object(object.eh_frame_header, &other) != 0 || other.link_map != object.link_map)
      return std::nullopt;
    bounds = {address_of(other.begin), address_of(other.end)};
  }
  return elf::EhFrame{.header = header, .bounds = bounds};
}

}  // namespace allocs::runt::self
