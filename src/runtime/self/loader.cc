// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/loader.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/raw_syscall.h"
#include "base/text.h"
#include "base/text_writer.h"
#include "runt/self.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"
#include "runtime/index/word.h"
#include "runtime/metadata/find_image.h"
#include "runtime/metadata/make_image.h"
#include "runtime/self/bare_object.h"
#include "runtime/self/checked_image.h"
#include "runtime/self/known_objects.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"
#include "runtime/self/object_file.h"
#include "runtime/self/stopped_threads.h"
#include "runtime/self/wrapper_sites.h"

namespace allocs::self {

constinit metadata::Places g_places;
constinit std::atomic<bool> g_has_virtual_tables{false};

namespace {

constexpr unsigned kLongestWaitMs = 2000;
constexpr std::size_t kLongestPath = 4096;

constinit ProcessLock g_loading;

bool is_damaged(const query::Object& object) { return object.image && object.image->is_damaged(); }
// Nothing more will come of looking for its metadata.
bool is_done(const query::Object& object) {
  return object.image ? !is_damaged(object) : object.is_settled;
}

bool has_build_id(const metadata::MappedFile& file, std::span<const std::uint8_t> expected) {
  const elf::BuildId own = metadata::build_id_of(file);
  return expected.empty() || std::ranges::equal(std::span(own.bytes, own.size), expected);
}

// The tool lies in bin/ beside the folder of this library: <prefix>/lib or <prefix>/lib/<triplet>.
bool find_tool(char* path, std::size_t size) {
  const auto own = index::module_at(TrustedMemory{}, allocators::g_root, address_of(&g_loading));
  if (!own) return false;
  const char* library = path_text(*own);
  const std::size_t slash = std::string_view(library).rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view folder = part_of(library, 0, slash);
  for (const std::string_view step : {"", "/.."}) {
    TextWriter text(path, size);
    text.put(folder).put(step).put("/../bin/allocs");
    if (text.fits() && raw_syscall(SYS_faccessat, AT_FDCWD, path, X_OK).ok()) return true;
  }
  return false;
}

// No block of malloc can lie in a segment: glibc takes its memory from the kernel alone. (Another malloc may hand out a static array;
// so could a program to glibc's before 2.34, and those also lack what is asked here.)
bool has_memory_of_its_own() {
  return allocators::g_root.malloc_kind == index::MallocKind::libc &&
         runt::self::LoaderEhFrames::is_available();
}

bool is_in_place(const query::Object& object) {
  const index::ModuleRecord* record = allocators::module_record(object.instance);
  return record == nullptr || index::load_relaxed(record->begin) == object.range.begin;
}

void attach_slots(query::Object& object, const types::Image& image) {
  const std::size_t count = image.types().size();
  auto* slots =
      static_cast<std::atomic<uniqtype*>*>(allocate((count + 1) * sizeof(std::atomic<uniqtype*>)));
  if (slots == nullptr) return;
  object.image = image;
  object.slots = {slots, count};
  object.image_error = ALLOC_OK;
  if (!image.table<types::VirtualTableRecord>(types::Table::virtual_tables).empty())
    g_has_virtual_tables.store(true, std::memory_order_release);
}

}  // namespace

const query::Object* Loader::object(std::uint32_t instance, bool may_wait) {
  const query::Object* object = objects_.find(instance);
  if (object != nullptr && !is_in_place(*object)) object = may_wait ? moved(instance) : nullptr;
  if (object != nullptr && is_damaged(*object) && (!may_wait || allocators::is_sandboxed()))
    return nullptr;
  if (!may_wait) return object;
  if (!allocators::is_sandboxed()) metadata::bury_ended_helpers();
  find_program_path();
  if (object == nullptr) object = make_bare(instance);
  if (object == nullptr || is_done(*object) || allocators::is_sandboxed()) return object;
  return load(instance, *object);
}

const query::Object* Loader::make_bare(std::uint32_t instance) {
  const auto module = index::module_record_of(TrustedMemory{}, allocators::g_root, instance);
  if (!module) return nullptr;
  void* memory = allocate(sizeof(query::Object));
  if (memory == nullptr) return nullptr;
  auto* object = new (memory) query::Object(bare_object(*module));
  return objects_.put(instance, object) ? object : nullptr;
}

// An object that came back elsewhere. What was made for it at the same place before is taken again. Of those for other places the last
// few are kept; then they are written over, oldest first. A query that still used one would have been at it while the object was loaded
// and unloaded so many times.
const query::Object* Loader::moved(std::uint32_t instance) {
  const ProcessLock::Guard guard(g_loading, patience(kLongestWaitMs));
  const auto module = index::module_record_of(TrustedMemory{}, allocators::g_root, instance);
  if (!guard.is_held() || !module) return nullptr;
  const query::Object* now = objects_.find(instance);
  if (now == nullptr || now->range.begin == module->begin) return now;
  query::Object next = *now;
  const query::Object bare = bare_object(*module);
  next.range = bare.range;
  next.bias = bare.bias;
  next.tls_module = bare.tls_module;

  query::Object** place = nullptr;
  for (query::Object*& each : earlier_) {
    const bool is_free = each == nullptr || objects_.find(each->instance) != each;
    const bool is_of_same_place =
        each != nullptr && each->instance == instance && each->range.begin == next.range.begin;
    if (is_free && is_of_same_place) place = &each;
  }
  for (std::size_t tries = 0; place == nullptr && tries < earlier_.size(); ++tries) {
    query::Object*& each = earlier_[next_earlier_++ % earlier_.size()];
    if (each == nullptr || objects_.find(each->instance) != each) place = &each;
  }
  if (place == nullptr) return nullptr;
  if (*place == nullptr) {
    void* memory = allocate(sizeof(query::Object));
    if (memory == nullptr) return nullptr;
    *place = new (memory) query::Object(next);
  } else {
    **place = next;
  }
  return objects_.put(instance, *place) ? *place : nullptr;
}

const query::Object* Loader::load(std::uint32_t instance, const query::Object& bare) {
  const ProcessLock::Guard guard(g_loading, patience(kLongestWaitMs));
  if (!guard.is_held()) return &bare;
  const query::Object* now = objects_.find(instance);
  if (is_done(*now)) return now;
  const auto module = index::module_record_of(TrustedMemory{}, allocators::g_root, instance);
  if (spare_ == nullptr) spare_ = allocate(sizeof(query::Object));
  if (!module || spare_ == nullptr) return &bare;
  const std::uint64_t failures = metadata::failures_for_want();
  const bool is_too_early = !g_places.is_open();  // what the user wants of metadata is not known
  auto& object = *new (spare_) query::Object(*now);
  object.image.reset();
  object.slots = {};
  object.is_settled = true;
  object.image_error = ALLOC_E_NO_METADATA;
  const auto check = is_damaged(*now) ? metadata::Check::content : metadata::Check::sums;

  const std::span<const std::uint8_t> build_id(module->build_id.data(), module->build_id_size);
  const char* path = file_to_open(*module);
  auto file = metadata::map_file(path);
  if (file && !has_build_id(*file, build_id)) {
    metadata::unmap(*file);
    file.reset();
  }
  types::ObjectIdentity identity{.build_id = build_id, .path = path_text(*module)};
  char resolved[kLongestPath];
  if (file) {
    identity.file_size = file->size;
    identity.file_mtime_ns = file->mtime_ns;
    const auto length = raw_syscall(SYS_readlink, path, resolved, sizeof(resolved) - 1);
    if (module->is_executable != 0 && length.ok())
      identity.path = {resolved, static_cast<std::size_t>(length.value)};
  }

  std::optional<types::Image> image;
  bool is_embedded = false;
  if (file) image = metadata::find_embedded_image(*file, identity, check);
  is_embedded = image.has_value();
  if (!image && is_too_early) {
    // The next question looks again.
    if (file) metadata::unmap(*file);
    return &bare;
  }
  if (!image) image = metadata::find_image(g_places, identity, check);
  if (!image && file && g_places.policy() != metadata::WaitPolicy::never && !now->was_tried) {
    char tool[kLongestPath];
    const bool waits = g_places.policy() == metadata::WaitPolicy::wait;
    char target[kLongestPath];
    TextWriter target_text(target, sizeof(target));
    target_text.put(identity.path);
    if (find_tool(tool, sizeof(tool)) && target_text.fits()) {
      metadata::set_clone(allocators::c_library_function("clone"));
      const char* kept_tool = keep_text(tool);
      const char* kept_target = keep_text(target);
      const auto result =
          metadata::make_image(kept_tool, kept_target, g_places, waits ? kLongestWaitMs : 0);
      object.was_tried = true;
      if (result == metadata::MakeResult::made) image = metadata::find_image(g_places, identity);
      if (result == metadata::MakeResult::unfinished) {
        object.is_settled = false;
        object.image_error = ALLOC_E_NOT_YET;
      }
    }
  } else if (!image && now->was_tried) {
    object.is_settled = false;  // it is still being made
    object.image_error = ALLOC_E_NOT_YET;
  }
  if (!image && !object.was_tried && failures != metadata::failures_for_want()) {
    // It may be there: the next question looks again.
    if (file) metadata::unmap(*file);
    return &bare;
  }
  spare_ = nullptr;
  if (image && check_as_used(*image)) {
    attach_slots(object, *image);
    site_image_arrived(instance, *image);
  }
  if (file && (!image || is_embedded)) {
    object.file = elf::File(file->bytes, file->size);  // stays mapped
  } else if (file) {
    metadata::unmap(*file);
  }
  if (!objects_.put(instance, &object)) return &bare;
  if (object.image && module->is_executable != 0 && has_memory_of_its_own()) {
    g_known_objects.put_executable(&object);
  }
  return &object;
}

}  // namespace allocs::self
