// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/wrapper_sites.h"

#include <new>
#include <type_traits>

#include "base/every_process.h"
#include "base/text.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/index/word.h"
#include "runtime/metadata/find_image.h"
#include "runtime/query/object.h"
#include "runtime/self/checked_image.h"
#include "runtime/self/loader.h"
#include "runtime/self/memory.h"
#include "runtime/self/object_file.h"

namespace allocs::self {

using namespace index;

namespace {

// ModuleRecord::site_image: not looked for yet, none, or the address of a types::Image that is kept for ever.
constexpr Address kUnknown{0};
constexpr Address kNone{1};

const types::Image* image_at(Address kept) {
  if (kept == kUnknown || kept == kNone) return nullptr;
  return reinterpret_cast<const types::Image*>(raw(kept));
}

// kNone if there is no memory.
Address keep(const types::Image& image) {
  static_assert(std::is_trivially_destructible_v<types::Image>);
  void* const memory = allocate(sizeof(image));
  return memory == nullptr ? kNone : address_of(new (memory) types::Image(image));
}

// The parts of the C library allocate on behalf of nobody whose type could be told.
[[ALLOCS_EVERY_PROCESS]] bool is_of_c_library(const ModuleRecord& module) {
  if (module.is_executable != 0) return false;
  const std::string_view path(path_text(module));
  const std::string_view name = part_of(path, path.rfind('/') + 1);
  return query::is_loader_path(path) || begins_with(name, "libc.so.") ||
         begins_with(name, "libc-2.");
}

// By its build-id: by its path is only known what has none, and what carries its image in itself is known by its content.
types::ObjectIdentity identity_of(const ModuleRecord& module) {
  return {.build_id = {module.build_id.data(), module.build_id_size}};
}

[[ALLOCS_EVERY_PROCESS]] std::optional<types::Image> look_for_image(const ModuleRecord& module) {
  if (module.has_marker != 0) {
    auto image = metadata::find_embedded_image(file_to_open(module), identity_of(module),
                                               metadata::Check::sums);
    if (image) return image;
  }
  if (!g_places.is_open() || module.build_id_size == 0 || is_of_c_library(module))
    return std::nullopt;
  return metadata::find_image(g_places, identity_of(module), metadata::Check::sums);
}

[[ALLOCS_EVERY_PROCESS]] const types::Image* site_image_of(ModuleRecord& module) {
  Address known = load_acquire(module.site_image);
  if (known != kUnknown || allocators::is_sandboxed()) return image_at(known);
  const bool is_too_early =
      !g_places.is_open();  // before the look, which it then was too early for
  auto image = look_for_image(module);
  if (!image && is_too_early) return nullptr;
  const Address found = image && check_as_used(*image) ? keep(*image) : kNone;
  if (compare_exchange(module.site_image, known, found)) {
    if (image && found == kNone) metadata::unmap(*image);
    return image_at(found);
  }
  if (image) metadata::unmap(*image);
  return image_at(known);
}

[[ALLOCS_EVERY_PROCESS]] const types::SiteRecord* site_at(ModuleRecord& module,
                                                          std::uint64_t offset) {
  const types::Image* const image = site_image_of(module);
  return image != nullptr ? image->find_site(offset) : nullptr;
}

}  // namespace

[[ALLOCS_ONCE]] void reconsider_early_sites() {
  for (std::uint32_t instance = 1;; ++instance) {
    ModuleRecord* const module = allocators::module_record(instance);
    if (module == nullptr) return;
    if (load_acquire(module->first_site) != 0 && !is_of_c_library(*module))
      allocators::reconsider_sites(*module);
  }
}

[[ALLOCS_EVERY_PROCESS]] bool is_wrapper_site(ModuleRecord& module, std::uint64_t offset) {
  const types::SiteRecord* const site = site_at(module, offset);
  return site != nullptr && (site->flags & types::kSiteWrapper) != 0 &&
         site->type == types::kNoType;
}

[[ALLOCS_EVERY_PROCESS]] bool is_site_of_constant(ModuleRecord& module, std::uint64_t offset) {
  const types::SiteRecord* const site = site_at(module, offset);
  return site != nullptr && (site->flags & types::kSiteWrapper) == 0 && site->constant_size != 0;
}

void site_image_arrived(std::uint32_t instance, const types::Image& image) {
  ModuleRecord* const module = allocators::module_record(instance);
  if (module == nullptr) return;
  Address known = load_acquire(module->site_image);
  const auto is_of_use = [&] {
    const types::Image* const kept = image_at(known);
    return kept != nullptr && !kept->is_damaged();
  };
  if (is_of_use()) return;
  const Address arrived = keep(image);
  if (arrived == kNone) return;
  while (!is_of_use()) {
    if (!compare_exchange(module->site_image, known, arrived)) continue;
    allocators::reconsider_sites(*module);
    return;
  }
}

}  // namespace allocs::self
