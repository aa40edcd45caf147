// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/wrapper_sites.h"

#include <atomic>

#include "base/text.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/site_recorder.h"
#include "runtime/index/word.h"
#include "runtime/metadata/find_image.h"
#include "runtime/query/object.h"
#include "runtime/self/object_file.h"

namespace allocs::self {

using namespace index;

namespace {

// ModuleRecord::site_image: not looked for yet, none, or the address of the image's header.
constexpr Address kUnknown{0};
constexpr Address kNone{1};

constinit std::atomic<const metadata::Places*> g_places{nullptr};

std::optional<types::Image> image_at(Address header) {
  if (header == kUnknown || header == kNone) return std::nullopt;
  const auto* bytes = reinterpret_cast<const std::byte*>(raw(header));
  return types::Image::open(bytes, reinterpret_cast<const types::ImageHeader*>(bytes)->size);
}

// The parts of the C library allocate on behalf of nobody whose type could be told.
bool is_of_c_library(const ModuleRecord& module) {
  const std::string_view path(path_text(module));
  const std::string_view name = part_of(path, path.rfind('/') + 1);
  return query::is_loader_path(path) || begins_with(name, "libc.so.") ||
         begins_with(name, "libc-2.");
}

types::ObjectIdentity identity_of(const ModuleRecord& module) {
  return {.build_id = {module.build_id.data(), module.build_id_size}, .path = path_text(module)};
}

std::optional<types::Image> look_for_image(const ModuleRecord& module) {
  if (module.has_marker != 0) {
    auto image = metadata::find_embedded_image_unread(file_to_open(module), identity_of(module));
    if (image) return image;
  }
  const metadata::Places* places = g_places.load(std::memory_order_acquire);
  if (places == nullptr || module.build_id_size == 0 || is_of_c_library(module))
    return std::nullopt;
  return metadata::find_image_unread(*places, identity_of(module));
}

std::optional<types::Image> site_image_of(ModuleRecord& module) {
  Address known = load_acquire(module.site_image);
  if (known != kUnknown || allocators::is_sandboxed()) return image_at(known);
  const auto image = look_for_image(module);
  const bool is_too_early = g_places.load(std::memory_order_acquire) == nullptr;
  if (!image && is_too_early) return std::nullopt;
  if (compare_exchange(module.site_image, known, image ? address_of(&image->header()) : kNone))
    return image;
  if (image) metadata::unmap(*image);
  return image_at(known);
}

}  // namespace

void open_wrapper_sites(const metadata::Places& places) {
  g_places.store(&places, std::memory_order_release);
  // Constructors of other libraries ran before; what they allocated has been recorded.
  for (std::uint32_t instance = 1;; ++instance) {
    ModuleRecord* const module = allocators::module_record(instance);
    if (module == nullptr) return;
    if (load_acquire(module->first_site) != 0 && !is_of_c_library(*module))
      allocators::reconsider_sites(*module);
  }
}

bool is_wrapper_site(ModuleRecord& module, std::uint64_t offset) {
  const auto image = site_image_of(module);
  const types::SiteRecord* const site = image ? image->find_site(offset) : nullptr;
  return site != nullptr && (site->flags & types::kSiteWrapper) != 0 &&
         site->type == types::kNoType;
}

void site_image_arrived(std::uint32_t instance, const types::Image& image) {
  ModuleRecord* const module = allocators::module_record(instance);
  if (module == nullptr) return;
  for (const Address missing : {kUnknown, kNone}) {
    Address expected = missing;
    if (!compare_exchange(module->site_image, expected, address_of(&image.header()))) continue;
    allocators::reconsider_sites(*module);
    return;
  }
}

}  // namespace allocs::self
