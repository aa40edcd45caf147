// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstring>
#include <optional>

#include "base/export.h"
#include "base/public_names.h"
#include "base/raw_syscall.h"
#include "base/text.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/editable_file.h"
#include "runtime/preload/info.h"
#include "runtime/preload/mapping_owner.h"
#include "runtime/query/traits.h"
#include "runtime/self/self_process.h"
#include "runtime/self/stated_types.h"

// Mappings: made, resized, removed, typed; and files that are edited where they are mapped.

namespace allocs::preload {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t whole_pages(std::uint64_t size) {
  return (size + kPage - 1) & ~(kPage - 1);
}

// Private, so that it is memory like any other; of a file, so that it is known again, and as large as it may ever grow.
constexpr std::uint64_t kRoom = std::uint64_t{1} << 42;
constexpr const char* kName = "allocs";  // see kMadeMapping

self::MappingIdentity identity_of(const runt::Mapping& mapping) {
  return {mapping.range.begin, std::uint64_t{mapping.device_major} << 32 | mapping.device_minor,
          mapping.inode};
}

// The mapping as the kernel has it now, if it is the one that was asked about, and the program's. `[vdso]` and the like belong to the kernel.
int find_mapping_and_contents(const alloc_info& asked, runt::Mapping& mapping) {
  if (allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  const runt::MappingAnswer answer = runt::self::mapping_of(address_of(asked.base));
  if (answer.certainty != Certainty::known) return ALLOC_E_NOTHING_THERE;
  mapping = answer.mapping;
  if (mapping.name[0] == '[' && !begins_with(std::string_view(mapping.name), "[anon:"))
    return ALLOC_E_OF_KERNEL;
  const AddressRange range{address_of(asked.base), address_of(asked.base) + asked.size};
  // Several are one where something lies across their borders.
  if (range.begin < mapping.range.begin || range.end > mapping.range.end)
    return has_children(asked) ? ALLOC_E_HAS_CHILDREN : ALLOC_E_NOTHING_THERE;
  // Without what lies beside it that the kernel does not tell apart.
  mapping.range = range;
  return refusal_of_mapping(mapping);
}

int find_mapping(const alloc_info& asked, runt::Mapping& mapping) {
  const int error = find_mapping_and_contents(asked, mapping);
  return error == ALLOC_OK && is_shared_out(asked) ? ALLOC_E_HAS_CHILDREN : error;
}

int why(SyscallResult result) {
  constexpr int kNoMemory = 12;  // ENOMEM
  return result.error() == kNoMemory ? ALLOC_E_NO_ROOM : ALLOC_E_REFUSED;
}

// A place for a mapping of whole pages where nothing else will be put.
SyscallResult reserve(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t more = alignment > kPage ? alignment - kPage : 0;
  const SyscallResult made = raw_syscall(SYS_mmap, 0, size + more, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (!made.ok() || more == 0) return made;
  const auto begin = static_cast<std::uint64_t>(made.value);
  const std::uint64_t aligned = (begin + alignment - 1) & ~(alignment - 1);
  if (aligned != begin) raw_syscall(SYS_munmap, begin, aligned - begin);
  if (const std::uint64_t behind = more - (aligned - begin); behind != 0)
    raw_syscall(SYS_munmap, aligned + size, behind);
  return {static_cast<std::int64_t>(aligned)};
}

// mremap: to a size in whole pages. Moves the stated type with it.
int remap(const runt::Mapping& mapping, std::uint64_t size, unsigned flags, Address& base,
          std::uint64_t alignment = 1) {
  base = mapping.range.begin;
  if (size == mapping.range.size()) return ALLOC_OK;
  const bool may_move = (flags & ALLOC_MAY_MOVE) != 0;
  const int how = may_move && alignment <= kPage ? MREMAP_MAYMOVE : 0;
  SyscallResult result =
      raw_syscall(SYS_mremap, raw(mapping.range.begin), mapping.range.size(), size, how);
  if (!result.ok() && may_move && how == 0) {
    const SyscallResult place = reserve(size, alignment);
    if (!place.ok()) return why(place);
    result = raw_syscall(SYS_mremap, raw(mapping.range.begin), mapping.range.size(), size,
                         MREMAP_MAYMOVE | MREMAP_FIXED, place.value);
    if (!result.ok()) raw_syscall(SYS_munmap, place.value, size);
  }
  if (!result.ok()) return why(result);
  base = Address{static_cast<std::uint64_t>(result.value)};
  if (base != mapping.range.begin) self::move_stated_type(identity_of(mapping), base);
  return ALLOC_OK;
}

}  // namespace

int error_of_mapping(const alloc_info& mapping) {
  if (allocator_of(mapping.allocator) != query::Allocator::mmap) return ALLOC_OK;
  runt::Mapping now;
  return find_mapping_and_contents(mapping, now);
}

// ---- the slots ----

int make_mapping(void*, uniqtype* type, std::size_t count, void** base) {
  std::size_t size = 0;
  if (!size_of_objects(type, count, size)) return ALLOC_E_INVALID;
  if (allocators::is_sandboxed()) return ALLOC_E_REFUSED;
  uniqtype* const whole = type_of_objects(type, count);
  if (whole == nullptr) return ALLOC_E_NO_MEMORY;
  if (!may_have_size(kRoom)) return ALLOC_E_REFUSED;
  const SyscallResult file = raw_syscall(SYS_memfd_create, kName, MFD_CLOEXEC);
  if (!file.ok()) return ALLOC_E_REFUSED;
  if (!raw_syscall(SYS_ftruncate, file.value, kRoom).ok()) {
    raw_syscall(SYS_close, file.value);
    return ALLOC_E_REFUSED;
  }
  const std::uint64_t alignment = alignment_of_type(type);
  const SyscallResult place =
      alignment > kPage ? reserve(whole_pages(size), alignment) : SyscallResult{0};
  SyscallResult made = place;
  if (place.ok()) {
    made = raw_syscall(SYS_mmap, place.value, whole_pages(size), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | (place.value != 0 ? MAP_FIXED : 0), file.value, 0);
    if (!made.ok() && place.value != 0) raw_syscall(SYS_munmap, place.value, whole_pages(size));
  }
  raw_syscall(SYS_close, file.value);
  if (!made.ok()) return ALLOC_E_NO_MEMORY;
  alloc_info info{};
  info.allocator = object_of(query::Allocator::mmap);
  info.base = reinterpret_cast<void*>(made.value);
  info.size = whole_pages(size);
  const int error = set_type_of_mapping(nullptr, &info, whole);
  if (error != ALLOC_OK) {
    raw_syscall(SYS_munmap, made.value, whole_pages(size));
    return error;
  }
  *base = reinterpret_cast<void*>(made.value);
  return ALLOC_OK;
}

int resize_mapping(void*, const alloc_info* asked, std::size_t size, unsigned flags, void** base) {
  if (size == 0 || size > raw(kEndOfUserAddresses)) return ALLOC_E_INVALID;
  runt::Mapping mapping;
  if (const int error = find_mapping(*asked, mapping); error != ALLOC_OK) return error;
  Address moved{};
  // A file that is mapped for all to see has the size of its mapping.
  EditableFile file;
  const bool is_of_file = mapping.is_shared && mapping.is_writable && mapping.inode != 0;
  const bool is_view_of_file =
      mapping.inode != 0 && !is_of_file && std::string_view(mapping.name) != kMadeMapping;
  if (is_view_of_file && whole_pages(size) > mapping.range.size()) {
    // Beyond the end of the file there is nothing but SIGBUS.
    if (file.open(mapping, O_RDONLY) != ALLOC_OK ||
        raw(mapping.offset) + size > whole_pages(file.size()))
      return ALLOC_E_REFUSED;
  }
  std::uint64_t old_size = 0;
  std::optional<EditGuard> guard;
  if (is_of_file) {
    if (const int error = guard.emplace().error(); error != ALLOC_OK) return error;
    if (const int error = find_mapping(*asked, mapping); error != ALLOC_OK) return error;
    if (const int error = file.open(mapping, O_RDWR); error != ALLOC_OK) return error;
    if (!file.is_whole_tail(mapping)) return ALLOC_E_NO_ROOM;
    old_size = file.size();
    if (raw(mapping.offset) + size > file.size() && !file.set_size(raw(mapping.offset) + size))
      return ALLOC_E_REFUSED;
  }
  const int error = remap(mapping, whole_pages(size), flags, moved, alignment_of_type(asked->type));
  if (is_of_file) file.set_size(error == ALLOC_OK ? raw(mapping.offset) + size : old_size);
  if (error == ALLOC_OK) *base = reinterpret_cast<void*>(raw(moved));
  return error;
}

int release_mapping(void*, const alloc_info* asked) {
  runt::Mapping mapping;
  if (const int error = find_mapping(*asked, mapping); error != ALLOC_OK) return error;
  // While it is there, so that it is not another one's that is made in its place.
  const self::MappingIdentity identity = identity_of(mapping);
  uniqtype* const type = self::stated_type_of(identity);
  if (type != nullptr) self::forget_stated_type(identity);
  const SyscallResult result =
      raw_syscall(SYS_munmap, raw(mapping.range.begin), mapping.range.size());
  if (result.ok()) return ALLOC_OK;
  if (type != nullptr) self::state_type_of_mapping(identity, type);
  return ALLOC_E_REFUSED;
}

int set_type_of_mapping(void*, const alloc_info* asked, uniqtype* type) {
  runt::Mapping mapping;
  if (const int error = find_mapping_and_contents(*asked, mapping); error != ALLOC_OK) return error;
  if (has_children(*asked)) return ALLOC_E_HAS_CHILDREN;
  if (!self::fits_in(*type, mapping.range.size())) return ALLOC_E_DOES_NOT_FIT;
  return self::state_type_of_mapping(identity_of(mapping), type);
}

// ---- editing a mapped file ----

namespace {

constinit self::ProcessLock g_edits;
constexpr unsigned kPatienceMs = 2000;

struct Edit {
  runt::Mapping mapping{};
  EditableFile file;
  std::uint64_t at = 0;      // in the mapping
  std::uint64_t extent = 0;  // of the file, in the mapping
};

// `at` is in, or right behind, the part of a file that is mapped up to its end, shared and writable.
int begin_edit(const alloc_info& asked, const void* at, Edit& edit) {
  if (const int error = find_mapping_and_contents(asked, edit.mapping); error != ALLOC_OK)
    return error;
  if (edit.mapping.inode == 0) return ALLOC_E_NO_SUCH_OPERATION;
  if (!edit.mapping.is_shared) return ALLOC_E_PRIVATE;
  if (!edit.mapping.is_writable) return ALLOC_E_READ_ONLY;
  if (const int error = edit.file.open(edit.mapping, O_RDWR); error != ALLOC_OK) return error;
  if (!edit.file.is_whole_tail(edit.mapping)) return ALLOC_E_NO_ROOM;
  edit.at = address_of(at) - edit.mapping.range.begin;
  edit.extent = edit.file.size() - raw(edit.mapping.offset);
  return edit.at <= edit.extent ? ALLOC_OK : ALLOC_E_INVALID;
}

// The mapping in which bytes can be put, or taken out, at `at`.
int find_editable(const void* at, alloc_info& mapping) {
  if (const int error = alloc_query(at, 0, &mapping); error != ALLOC_OK) return error;
  if (mapping.allocator != object_of(query::Allocator::mmap))
    return query::traits_of(allocator_of(mapping.allocator)).refusal;
  return is_shared_out(mapping) ? ALLOC_E_HAS_CHILDREN : ALLOC_OK;
}

}  // namespace

// What a stopped thread holds is not waited for.
EditGuard::EditGuard() : guard_(g_edits, allocators::others_are_stopped() ? 0 : kPatienceMs) {}

int insert_in_mapping(const alloc_info& mapping, void* at, std::size_t count, unsigned flags,
                      void** inserted, AddressRange& range) {
  Edit edit;
  if (const int error = begin_edit(mapping, at, edit); error != ALLOC_OK) return error;
  std::uint64_t extent = 0;
  if (__builtin_add_overflow(edit.extent, count, &extent) || extent > raw(kEndOfUserAddresses))
    return ALLOC_E_INVALID;
  const std::uint64_t old_size = edit.file.size();
  if (!edit.file.set_size(raw(edit.mapping.offset) + extent)) return ALLOC_E_REFUSED;
  range = edit.mapping.range;
  if (extent > range.size()) {
    Address base{};
    const int error = remap(edit.mapping, whole_pages(extent), flags, base);
    if (error != ALLOC_OK) {
      edit.file.set_size(old_size);
      return error;
    }
    range = {base, base + whole_pages(extent)};
  }
  char* const place = reinterpret_cast<char*>(raw(range.begin)) + edit.at;
  std::memmove(place + count, place, edit.extent - edit.at);
  std::memset(place, 0, count);
  *inserted = place;
  return ALLOC_OK;
}

int remove_from_mapping(const alloc_info& mapping, void* at, std::size_t count, void** remaining,
                        AddressRange& range) {
  Edit edit;
  if (const int error = begin_edit(mapping, at, edit); error != ALLOC_OK) return error;
  if (count > edit.extent - edit.at) return ALLOC_E_INVALID;
  range = edit.mapping.range;
  char* const place = reinterpret_cast<char*>(raw(range.begin)) + edit.at;
  std::memmove(place, place + count, edit.extent - edit.at - count);
  const std::uint64_t extent = edit.extent - count;
  // A mapping has at least a page.
  const std::uint64_t pages = extent == 0 ? kPage : whole_pages(extent);
  if (pages < range.size()) {
    Address base{};
    if (const int error = remap(edit.mapping, pages, 0, base); error != ALLOC_OK) return error;
    range.end = range.begin + pages;
  }
  if (!edit.file.set_size(raw(edit.mapping.offset) + extent)) return ALLOC_E_REFUSED;
  *remaining = place;
  return ALLOC_OK;
}

}  // namespace allocs::preload

extern "C" {

ALLOCS_EXPORT int alloc_insert(void* at, size_t count, unsigned flags, void** inserted) {
  using namespace allocs::preload;
  if (inserted == nullptr || (flags & ~unsigned{ALLOC_MAY_MOVE}) != 0) return ALLOC_E_INVALID;
  const EditGuard guard;
  alloc_info mapping;
  allocs::AddressRange range;
  int error = find_editable(at, mapping);
  if (error == ALLOC_OK) error = guard.error();
  return error != ALLOC_OK ? error : insert_in_mapping(mapping, at, count, flags, inserted, range);
}

ALLOCS_EXPORT int alloc_remove(void* at, size_t count, unsigned flags, void** remaining) {
  using namespace allocs::preload;
  if (remaining == nullptr || flags != 0) return ALLOC_E_INVALID;
  const EditGuard guard;
  alloc_info mapping;
  allocs::AddressRange range;
  int error = find_editable(at, mapping);
  if (error == ALLOC_OK) error = guard.error();
  return error != ALLOC_OK ? error : remove_from_mapping(mapping, at, count, remaining, range);
}

ALLOCS_SPLICE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
