// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/cached_image.h"

#include <elf.h>

#include <cstring>

#include "runtime/metadata/find_image.h"
#include "tools/allocs/declared_functions.h"
#include "tools/allocs/image_provider.h"

namespace allocs::tool {

namespace fs = std::filesystem;

fs::path cache_path(const fs::path& cache, const types::ObjectIdentity& identity) {
  char text[4096];
  TextWriter out(text, sizeof(text));
  types::put_image_path(out, cache.string(), identity);
  return cache.empty() || !out.fits() ? fs::path{} : fs::path{text};
}

CachedImage examine_image(const fs::path& path, const types::ObjectIdentity& identity) {
  const auto file = metadata::map_file(path.c_str());
  if (!file) return CachedImage::none;
  const auto image = types::Image::open(file->bytes, file->size);
  CachedImage found = CachedImage::none;
  if (image && metadata::is_image_of(*image, identity) && image->content_is_intact())
    found = lacks_debug_information(*image) ? CachedImage::poor : CachedImage::good;
  metadata::unmap(*file);
  return found;
}

CachedImage examine_cached_image(const fs::path& object) {
  const ImageProvider images{program_of(object)};
  if (!images.declared().problems().empty()) return CachedImage::none;
  const std::string path = object.string();
  const auto file = metadata::map_file(path.c_str());
  if (!file) return CachedImage::none;
  // What is no object that can be read has no image either, whatever its notes say.
  constexpr unsigned char kStart[] = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
  if (file->size < sizeof kStart || std::memcmp(file->bytes, kStart, sizeof kStart) != 0) {
    metadata::unmap(*file);
    return CachedImage::none;
  }
  const elf::BuildId id = metadata::build_id_of(*file);
  const types::ObjectIdentity identity{.build_id = {id.bytes, id.size},
                                       .path = path,
                                       .file_size = file->size,
                                       .file_mtime_ns = file->mtime_ns,
                                       .configuration = images.configuration()};
  const fs::path image = cache_path(images.cache(), identity);
  const CachedImage found = image.empty() ? CachedImage::none : examine_image(image, identity);
  metadata::unmap(*file);
  return found;
}

}  // namespace allocs::tool
