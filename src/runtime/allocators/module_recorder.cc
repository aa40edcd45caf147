// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/module_recorder.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "elf/build_id.h"
#include "runt/self.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/pieces.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/doubling.h"
#include "runtime/index/tables.h"

namespace allocs::allocators {

using namespace index;

namespace {

// As in <dlfcn.h> of glibc 2.35 and later; we also run on older ones.
struct LoaderObject {
  std::uint64_t flags;
  void* map_start;
  void* map_end;
  link_map* object;
  void* eh_frame;
  std::uint64_t reserved[8];
};
using FindObject = int (*)(void*, LoaderObject*);
constinit FindObject g_find_object = nullptr;

using WalkObjects = int (*)(int (*)(dl_phdr_info*, std::size_t, void*), void*);
constinit WalkObjects g_walk_objects = dl_iterate_phdr;
constinit Address g_in_c_library{};

constinit ModuleSnapshot* g_spare_snapshot = nullptr;
constinit ModuleRecord* g_new_records = nullptr;  // noted, but not in the snapshot yet
constinit std::uint32_t g_pass = 0;               // number of the current walk
constinit std::uint64_t g_loads_seen = 0;         // dl_iterate_phdr's counters at the last walk
constinit std::uint64_t g_unloads_seen = 0;

ModuleRecord* next_new(const ModuleRecord& record) {
  return reinterpret_cast<ModuleRecord*>(raw(record.next_new));
}

// What is known of an object when it is noted.
struct LoadedObject {
  std::uint64_t bias;
  const char* path;
  const ElfW(Phdr) * phdrs;
  std::uint32_t phdr_count;
  const link_map* object;
  std::uint64_t tls_module;
};

[[ALLOCS_EVERY_PROCESS]] ModuleRecord* record_at(std::uint32_t instance) {
  const Place place = place_of<kModuleFirstShift>(instance);
  const Address chunk = load_acquire(g_root.module_chunks[place.chunk]);
  return chunk == Address{} ? nullptr : reinterpret_cast<ModuleRecord*>(raw(chunk)) + place.index;
}

ModuleRecord* new_record() {
  const std::uint32_t instance = g_root.module_count + 1;
  const Place place = place_of<kModuleFirstShift>(instance);
  if (place.chunk >= kModuleChunks) return nullptr;
  Address& chunk = g_root.module_chunks[place.chunk];
  if (chunk == Address{}) {
    void* const made =
        allocate_chunk(chunk_capacity<kModuleFirstShift>(place.chunk) * sizeof(ModuleRecord));
    if (made == nullptr) return nullptr;
    store_release(chunk, address_of(made));
  }
  ModuleRecord* const record = record_at(instance);
  record->instance = instance;
  store_release(g_root.module_count, instance);
  return record;
}

bool is_present(const ModuleRecord& record) {
  const ModuleState state = load_acquire(record.state);
  return state == ModuleState::loaded || state == ModuleState::closing;
}

[[ALLOCS_ONCE]] void set_state(ModuleRecord& record, ModuleState state) {
  record.generation = g_root.module_generation + 1;
  store_release(record.state, state);
}

void retire(ModuleRecord& record) {
  set_state(record, ModuleState::retired);
  record.stays = 0;
  retire_sites(record);
}

std::span<const ModuleSpan> spans_of(const ModuleSnapshot* snapshot) {
  if (snapshot == nullptr) return {};
  return {reinterpret_cast<const ModuleSpan*>(snapshot + 1), snapshot->count};
}
ModuleSnapshot* current_snapshot() {
  return reinterpret_cast<ModuleSnapshot*>(raw(g_root.module_snapshot));
}

// Noted since the last snapshot: perhaps one that was in it, at another address.
bool is_new(const ModuleRecord& record) {
  const ModuleRecord* at = g_new_records;
  while (at != nullptr && at != &record) at = next_new(*at);
  return at != nullptr;
}

// Most processes have a handful: for them the library's sort would be a page more to touch.
[[ALLOCS_ONCE]] void sort_by_address(ModuleSpan* spans, std::uint32_t count) {
  constexpr std::uint32_t kFew = 32;
  const auto is_before = [](const ModuleSpan& a, const ModuleSpan& b) { return a.begin < b.begin; };
  if (count > kFew) return std::sort(spans, spans + count, is_before);
  for (std::uint32_t i = 1; i < count; ++i) {
    const ModuleSpan span = spans[i];
    std::uint32_t at = i;
    for (; at > 0 && is_before(span, spans[at - 1]); --at) spans[at] = spans[at - 1];
    spans[at] = span;
  }
}

// Replaces the snapshot: what is still there of the old one, and what is new. Two buffers take turns; a reader that was
// overtaken twice sees the generation change and starts again.
[[ALLOCS_ONCE]] void publish_snapshot() {
  ModuleSnapshot* const old = current_snapshot();
  std::uint32_t needed = static_cast<std::uint32_t>(spans_of(old).size());
  for (ModuleRecord* record = g_new_records; record != nullptr; record = next_new(*record))
    ++needed;
  ModuleSnapshot* next = g_spare_snapshot;
  if (next == nullptr || next->capacity < needed) {
    const std::uint32_t capacity = std::max(16u, needed * 2);
    next = static_cast<ModuleSnapshot*>(allocate_own(
        sizeof(ModuleSnapshot) + capacity * sizeof(ModuleSpan), alignof(std::uint64_t)));
    if (next == nullptr) return;
    next->capacity = capacity;
  }
  store_release(next->generation, g_root.module_generation * 2 + 1);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  auto* const spans = reinterpret_cast<ModuleSpan*>(next + 1);
  std::uint32_t count = 0;
  for (const ModuleSpan& span : spans_of(old)) {
    const ModuleRecord& record = *record_at(span.instance);
    if (is_present(record) && !is_new(record)) spans[count++] = span;
  }
  for (ModuleRecord* record = g_new_records; record != nullptr; record = next_new(*record)) {
    if (is_present(*record)) spans[count++] = {record->begin, record->end, record->instance, 0};
  }
  g_new_records = nullptr;
  sort_by_address(spans, count);
  next->count = count;
  store_release(g_root.module_generation, g_root.module_generation + 1);
  store_release(next->generation, g_root.module_generation * 2);
  store_release(g_root.module_snapshot, address_of(next));
  g_spare_snapshot = old;
}

[[ALLOCS_ONCE]] const char* copy_text(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  auto* const copy = static_cast<char*>(allocate_own(size, 1));
  if (copy != nullptr) std::memcpy(copy, text, size);
  return copy;
}

AddressRange range_of(const LoadedObject& object) {
  std::uint64_t begin = ~std::uint64_t{0};
  std::uint64_t end = 0;
  for (std::uint32_t i = 0; i < object.phdr_count; ++i) {
    const ElfW(Phdr)& header = object.phdrs[i];
    if (header.p_type != PT_LOAD) continue;
    begin = std::min<std::uint64_t>(begin, header.p_vaddr & ~std::uint64_t{4095});
    end = std::max<std::uint64_t>(end,
                                  (header.p_vaddr + header.p_memsz + 4095) & ~std::uint64_t{4095});
  }
  if (begin >= end) return {};
  return {Address{begin + object.bias}, Address{end + object.bias}};
}

// Inside a segment that is mapped and readable.
[[ALLOCS_ONCE]] bool is_loaded_part(const LoadedObject& object, const ElfW(Phdr) & part) {
  for (std::uint32_t i = 0; i < object.phdr_count; ++i) {
    const ElfW(Phdr)& header = object.phdrs[i];
    if (header.p_type == PT_LOAD && (header.p_flags & PF_R) != 0 &&
        part.p_vaddr >= header.p_vaddr && part.p_filesz <= header.p_filesz &&
        part.p_vaddr - header.p_vaddr <= header.p_filesz - part.p_filesz) {
      return true;
    }
  }
  return false;
}

struct Notes {
  elf::BuildId build_id{};
  bool has_marker = false;
};

Notes notes_of(const LoadedObject& object) {
  Notes notes;
  for (std::uint32_t i = 0; i < object.phdr_count; ++i) {
    const ElfW(Phdr)& header = object.phdrs[i];
    if (header.p_type != PT_NOTE || !is_loaded_part(object, header)) continue;
    const Address begin{object.bias + header.p_vaddr};
    const AddressRange segment{begin, begin + header.p_filesz};
    elf::find_note(TrustedMemory{}, segment, header.p_align, [&](const elf::Note& note) {
      if (const auto id = elf::build_id_in(note); id && notes.build_id.size == 0)
        notes.build_id = *id;
      notes.has_marker |= note.type == kMarkerNote && note.name == kNoteOwner;
      return false;
    });
  }
  return notes;
}

// Wherever it is.
bool is_same_object(const ModuleRecord& record, AddressRange range, const elf::BuildId& id,
                    const char* path) {
  if (record.end - record.begin != range.size() || record.build_id_size != id.size) return false;
  if (std::memcmp(record.build_id.data(), id.bytes, id.size) != 0) return false;
  return std::strcmp(reinterpret_cast<const char*>(raw(record.path)), path) == 0;
}

// What depends on the address.
[[ALLOCS_ONCE]] void place(ModuleRecord& record, const LoadedObject& object, AddressRange range) {
  record.bias = object.bias;
  record.begin = range.begin;
  record.end = range.end;
  record.link_map = Address{};
  record.tls_module = 0;
  for (std::uint32_t i = 0; i < object.phdr_count; ++i) {
    const ElfW(Phdr)& header = object.phdrs[i];
    const Address at{object.bias + header.p_vaddr};
    if (header.p_type == PT_GNU_EH_FRAME && is_loaded_part(object, header)) {
      record.eh_frame_hdr = at;
    } else if (header.p_type == PT_DYNAMIC) {
      record.dynamic = at;
    }
  }
}

// Of the program headers those that somebody asks about. A dozen objects' would fill a page more.
void copy_headers(ModuleRecord& record, const LoadedObject& object) {
  const auto is_wanted = [&](const ElfW(Phdr) & header) {
    return header.p_type == PT_LOAD || header.p_type == PT_GNU_RELRO ||
           (header.p_type == PT_NOTE && record.is_executable != 0);
  };
  const std::span all(object.phdrs, object.phdr_count);
  const auto count = static_cast<std::size_t>(std::ranges::count_if(all, is_wanted));
  auto* const kept = static_cast<ElfW(Phdr)*>(allocate_own(count * sizeof(ElfW(Phdr))));
  if (kept == nullptr) return;
  std::ranges::copy_if(all, kept, is_wanted);
  record.phdrs = address_of(kept);
  record.phdr_count = static_cast<std::uint32_t>(count);
}

void fill(ModuleRecord& record, const LoadedObject& object, AddressRange range,
          const Notes& notes) {
  place(record, object, range);
  record.build_id_size = notes.build_id.size;
  std::memcpy(record.build_id.data(), notes.build_id.bytes, notes.build_id.size);
  record.has_marker = notes.has_marker ? 1 : 0;
  const char* const path = copy_text(object.path);
  record.path = address_of(path != nullptr ? path : "");
  for (std::uint32_t i = 0; i < object.phdr_count; ++i) {
    const ElfW(Phdr)& header = object.phdrs[i];
    if (header.p_type == PT_GNU_EH_FRAME && is_loaded_part(object, header)) {
      record.eh_frame_hdr_size = header.p_memsz;
    } else if (header.p_type == PT_TLS) {
      record.tls_size = header.p_memsz;
      record.tls_align = header.p_align;
    }
  }
  // The only object whose path the loader does not tell is the executable; its program headers lie where the kernel said.
  record.is_executable = object.object != nullptr ? object.object == first_object() : 0;
  copy_headers(record, object);
}

void fill_late(ModuleRecord& record, const LoadedObject& object) {
  if (object.object != nullptr) record.link_map = address_of(object.object);
  if (object.tls_module != 0) record.tls_module = object.tls_module;
}

// The loader's own record of the object at `a`. Lock-free.
bool loader_finds(Address a, LoaderObject& result) {
  return g_find_object != nullptr && g_find_object(reinterpret_cast<void*>(raw(a)), &result) == 0;
}

bool is_gone(const ModuleRecord& record) {
  LoaderObject found{};
  if (g_find_object == nullptr) return false;
  return !loader_finds(record.begin, found) || address_of(found.object) != record.link_map;
}

// Of the whole process; in a child that cannot ask, a number that is not the one of the last walk.
[[ALLOCS_EVERY_PROCESS]] std::uint32_t unloads_so_far() {
  std::uint64_t count = load_relaxed(g_unloads_seen) - 1;
  if (may_lock_loader()) {
    const auto read = [](dl_phdr_info* object, std::size_t, void* into)
                          ALLOCS_EVERY_PROCESS_LAMBDA {
                            *static_cast<std::uint64_t*>(into) = object->dlpi_subs;
                            return 1;
                          };
    g_walk_objects(read, &count);
  }
  return static_cast<std::uint32_t>(count);
}

// Objects that began to close before anybody had noted them. Written under the loader's lock.
struct UnnotedClosing {
  std::uint64_t handle;  // an address in the object
  std::uint32_t unloads;
};
ALLOCS_APART constinit UnnotedClosing g_unnoted_closing[16] = {};
constinit std::uint32_t g_unnoted_count = 0;

// An object that is noted now, and is in its finalisers already.
[[ALLOCS_EVERY_PROCESS]] bool is_closing_unnoted(AddressRange range) {
  if (load_acquire(g_unnoted_count) == 0) return false;
  for (const UnnotedClosing& each : g_unnoted_closing) {
    if (range.contains(Address{load_acquire(each.handle)}) &&
        load_relaxed(each.unloads) == unloads_so_far())
      return true;
  }
  return false;
}

// Closing, and no object has been unloaded since that began: then it is the same, and will not be there for long.
bool is_in_finalisers(const ModuleRecord& record) {
  return load_relaxed(record.closing_unloads) == static_cast<std::uint32_t>(g_unloads_seen);
}

// The table lock is held. Nothing is noted twice; whatever else the table has at that place is gone.
[[ALLOCS_ONCE]] ModuleRecord* note(const LoadedObject& object) {
  const AddressRange range = range_of(object);
  if (range.size() == 0) return nullptr;
  const Notes notes = notes_of(object);
  ModuleRecord* found = nullptr;
  ModuleRecord* elsewhere = nullptr;
  for (std::uint32_t instance = 1; instance <= g_root.module_count; ++instance) {
    ModuleRecord& record = *record_at(instance);
    const bool overlaps = record.begin < range.end && range.begin < record.end;
    const bool is_same = is_same_object(record, range, notes.build_id, object.path);
    if (is_same && record.begin == range.begin) {
      found = &record;
    } else if (overlaps && is_present(record)) {
      retire(record);
    }
    // Without a build-id it may be another that took its name.
    if (!is_same || notes.build_id.size == 0 || &record == found) continue;
    if (record.state == ModuleState::closing && is_gone(record)) retire(record);
    if (record.state == ModuleState::retired) elsewhere = &record;
  }
  if (found != nullptr && is_present(*found)) {
    if (found->state == ModuleState::closing && !is_in_finalisers(*found)) {
      set_state(*found, ModuleState::loaded);
    } else if (found->state == ModuleState::loaded && is_closing_unnoted(range)) {
      found->closing_unloads = unloads_so_far();
      set_state(*found, ModuleState::closing);
    }
  } else {
    const bool comes_back = found != nullptr || elsewhere != nullptr;
    if (found == nullptr && comes_back) {
      found = elsewhere;
      place(*found, object, range);
      move_sites(*found);
    } else if (!comes_back) {
      found = new_record();
      if (found == nullptr) {
        fetch_add(g_root.counters.modules_full, std::uint64_t{1});
        return nullptr;
      }
      fill(*found, object, range, notes);
    }
    retire_moduleless_sites(range);
    const bool is_closing = is_closing_unnoted(range);
    if (is_closing) found->closing_unloads = unloads_so_far();
    set_state(*found, is_closing ? ModuleState::closing : ModuleState::loaded);
    if (comes_back) revive_sites(*found);
    found->next_new = address_of(g_new_records);
    g_new_records = found;
  }
  fill_late(*found, object);
  found->pass = g_pass;
  return found;
}

ModuleRecord* note_loader_object(const LoaderObject& found) {
  const auto headers = elf::program_headers_of_image(TrustedMemory{}, address_of(found.map_start));
  if (!headers || found.object == nullptr) return nullptr;
  const char* const path = found.object->l_name;
  return note({found.object->l_addr, path != nullptr ? path : "",
               reinterpret_cast<const ElfW(Phdr)*>(raw(headers->at)),
               static_cast<std::uint32_t>(headers->count), found.object, 0});
}

// Objects of other namespaces (dlmopen), which dl_iterate_phdr does not tell. The loader's lock is held.
void note_other_namespaces() {
  if (_r_debug.r_version < 2) return;
  struct Extended {
    r_debug base;
    Extended* next;
  };
  constexpr int kMost = 64;
  auto* list = reinterpret_cast<const Extended*>(&_r_debug);
  asm("" : "+r"(list));  // it is longer than its declaration
  list = list->next;
  for (int i = 0; list != nullptr && i < kMost; list = list->next, ++i) {
    for (const link_map* object = list->base.r_map; object != nullptr; object = object->l_next) {
      LoaderObject found{};
      if (loader_finds(address_of(object->l_ld), found)) note_loader_object(found);
    }
  }
}

const link_map* object_with_dynamic(const dl_phdr_info& object) {
  const ElfW(Dyn)* dynamic = nullptr;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    }
  }
  for (const link_map* at = first_object(); dynamic != nullptr && at != nullptr; at = at->l_next) {
    if (at->l_ld == dynamic) return at;
  }
  return nullptr;
}

struct Walk {
  bool is_first = true;
  bool changed = false;
};

[[ALLOCS_ONCE]] int visit(dl_phdr_info* object, std::size_t, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  const char* path = object->dlpi_name != nullptr ? object->dlpi_name : "";
  if (walk.is_first) {
    walk.is_first = false;
    if (g_pass != 0 && object->dlpi_adds == g_loads_seen && object->dlpi_subs == g_unloads_seen)
      return 1;
    walk.changed = true;
    ++g_pass;
    g_loads_seen = object->dlpi_adds;
    g_unloads_seen = object->dlpi_subs;
    note_other_namespaces();
  }
  note({object->dlpi_addr, path, object->dlpi_phdr, object->dlpi_phnum,
        object_with_dynamic(*object), object->dlpi_tls_modid});
  return 0;
}

void retire_what_was_not_seen() {
  for (const ModuleSpan& span : spans_of(current_snapshot())) {
    ModuleRecord& record = *record_at(span.instance);
    if (!is_present(record) || record.pass == g_pass) continue;
    LoaderObject found{};
    if (loader_finds(record.begin, found) && address_of(found.object) == record.link_map) continue;
    retire(record);
  }
}

// Is the object still where the table says? (Its first byte is asked about: what is left of its last page the loader does not count as its.)
[[ALLOCS_EVERY_PROCESS]] bool agrees_with_loader(const ModuleRecord& record) {
  if (g_find_object == nullptr) return true;
  LoaderObject found{};
  return loader_finds(record.begin, found) && address_of(found.map_start) == record.begin &&
         (record.link_map == Address{} || address_of(found.object) == record.link_map);
}

ModuleOfCode answer(ModuleRecord* record) {
  if (record == nullptr) return {nullptr, 0, true, false};
  return {record, record->bias, true, load_acquire(record->state) != ModuleState::loaded};
}

[[ALLOCS_EVERY_PROCESS]] ModuleRecord* present_record_at(Address a) {
  const std::uint32_t instance = module_instance_at(TrustedMemory{}, g_root, a);
  return instance == 0 ? nullptr : record_at(instance);
}

}  // namespace

[[ALLOCS_EVERY_PROCESS]] ModuleOfCode module_of_code(Address a) {
  if (load_acquire(g_root.module_snapshot) == Address{} && refresh_modules() == Refreshed::no)
    return {};
  ModuleRecord* record = present_record_at(a);
  if (record != nullptr && load_acquire(record->state) == ModuleState::loaded &&
      agrees_with_loader(*record)) {
    return answer(record);
  }
  if (record == nullptr && g_find_object != nullptr) {
    LoaderObject found{};
    if (!loader_finds(a, found)) return answer(nullptr);
    const TableLock lock;
    if (!lock) return {};
    record = note_loader_object(found);
    publish_snapshot();
    return answer(record);
  }
  return refresh_modules_at(a) != Refreshed::no ? answer(present_record_at(a)) : ModuleOfCode{};
}

[[ALLOCS_EVERY_PROCESS]] bool is_loaded(std::uint32_t instance) {
  return load_acquire(record_at(instance)->state) == ModuleState::loaded;
}

bool table_is_true_at(Address a, std::uint32_t instance) {
  LoaderObject found{};
  if (instance == 0) return g_find_object == nullptr || !loader_finds(a, found);
  const ModuleRecord& record = *record_at(instance);
  return load_acquire(record.state) == ModuleState::loaded && agrees_with_loader(record);
}

[[ALLOCS_EVERY_PROCESS]] ModuleRecord* module_record(std::uint32_t instance) {
  const bool is_known = instance != 0 && instance <= load_acquire(g_root.module_count);
  return is_known ? record_at(instance) : nullptr;
}

namespace {

// Is the object's code still mapped where the loader has the object? If the fork came in the middle of another thread's dlclose, the
// child's loader never learns that it is gone, and anything may have come in its place, even its file.
bool is_still_mapped(const LoaderObject& object) {
  elf::FileHeader header;
  link_map unused;
  if (!runt::self::read_memory(address_of(object.map_start), &header, sizeof header) ||
      !runt::self::read_memory(address_of(object.object), &unused, sizeof unused))
    return false;
  if (!elf::is_supported(header) || header.e_phnum > elf::kMaxProgramHeaders) return false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    elf::ProgramHeader part;
    const Address at = address_of(object.map_start) + header.e_phoff + i * sizeof part;
    if (!runt::self::read_memory(at, &part, sizeof part)) return false;
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0 || part.p_filesz == 0) continue;
    const Address code{object.object->l_addr + part.p_vaddr};
    const runt::MappingAnswer answer = runt::self::mapping_of(code);
    const runt::Mapping& mapping = answer.mapping;
    return answer.certainty == Certainty::known && mapping.is_executable && mapping.inode != 0 &&
           raw(mapping.offset) + (code - mapping.range.begin) == part.p_offset;
  }
  return true;
}

// In a forked child: the one place, by the lock-free look-up.
Refreshed refresh_place(Address a) {
  if (g_find_object == nullptr || is_sandboxed()) return Refreshed::no;
  const TableLock lock;
  if (!lock) return Refreshed::no;
  LoaderObject found{};
  ModuleRecord* const record = present_record_at(a);
  if (loader_finds(a, found) && is_still_mapped(found)) {
    note_loader_object(found);
  } else if (record != nullptr) {
    retire(*record);
  }
  publish_snapshot();
  return Refreshed::changed;
}

}  // namespace

Refreshed refresh_modules_at(Address a) {
  return may_lock_loader() ? refresh_modules() : refresh_place(a);
}

[[ALLOCS_ONCE]] Refreshed refresh_modules() {
  if (!has_known_loader() || !may_lock_loader()) return Refreshed::no;
  const TableLock lock;
  if (!lock) return Refreshed::no;
  Walk walk;
  g_walk_objects(visit, &walk);
  if (!walk.changed) return Refreshed::unchanged;
  retire_what_was_not_seen();
  publish_snapshot();
  return Refreshed::changed;
}

namespace {

ModuleRecord* record_around(Address a) {
  for (std::uint32_t instance = 1; instance <= load_acquire(g_root.module_count); ++instance) {
    ModuleRecord* const record = record_at(instance);
    if (is_present(*record) && a >= record->begin && a < record->end && agrees_with_loader(*record))
      return record;
  }
  return nullptr;
}

}  // namespace

// In the loader's list the C library is one of those that came with the program, and whatever is opened, by whom and in which way, comes behind it.
[[ALLOCS_ONCE]] void objects_of_program_stay() {
  const TableLock lock;
  const ModuleRecord* const c_library = present_record_at(g_in_c_library);
  const ModuleRecord* const own = present_record_at(address_of(&g_root));
  if (!lock || c_library == nullptr || own == nullptr) return;
  const auto record_of = [](const link_map& object) {
    return present_record_at(address_of(object.l_ld));
  };
  const link_map* last = first_object();
  bool is_own_before = false;
  for (; last != nullptr && record_of(*last) != c_library; last = last->l_next)
    is_own_before = is_own_before || record_of(*last) == own;
  if (last == nullptr || !is_own_before) return;
  for (const link_map* at = first_object(); at != last->l_next; at = at->l_next) {
    if (ModuleRecord* const record = record_of(*at); record != nullptr) record->stays = 1;
  }
}

// Each object of a process comes by when it ends, in many a forked child with little else: a page that is written to here is a page to copy.
[[ALLOCS_EVERY_PROCESS]] void module_is_closing(const void* handle) {
  ModuleRecord* record = present_record_at(address_of(handle));
  // The snapshot may lag behind the records, or be changing too fast.
  if (record == nullptr || !is_present(*record) || !agrees_with_loader(*record))
    record = record_around(address_of(handle));
  if (record == nullptr) {
    UnnotedClosing& slot = g_unnoted_closing[g_unnoted_count++ % std::size(g_unnoted_closing)];
    store_relaxed(slot.unloads, unloads_so_far());
    store_release(slot.handle, raw(address_of(handle)));
    fetch_add(g_root.modules_changed, std::uint64_t{1});
    return;
  }
  if (record->stays != 0) return;
  store_relaxed(record->closing_unloads, unloads_so_far());
  store_release(record->state, ModuleState::closing);
  forget_cached_sites(*record);
  forget_pieces({record->begin, record->end});
  fetch_add(g_root.modules_changed, std::uint64_t{1});
}

[[ALLOCS_ONCE]] void set_c_library(Address in_it, void* dl_find_object, void* walk_objects) {
  g_in_c_library = in_it;
  g_find_object = reinterpret_cast<FindObject>(dl_find_object);
  if (walk_objects != nullptr) g_walk_objects = reinterpret_cast<WalkObjects>(walk_objects);
}

}  // namespace allocs::allocators
