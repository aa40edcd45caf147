// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/image_provider.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "meta/build_metadata.h"
#include "meta/diagnostics.h"
#include "runtime/metadata/find_image.h"
#include "tools/allocs/declared_functions.h"
#include "types/image_path.h"
#include "types/write/image_writer.h"

namespace allocs::tool {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void* allocate_for_ever(std::size_t size) {
  static std::deque<std::vector<std::max_align_t>> kept;
  return kept.emplace_back(size / sizeof(std::max_align_t) + 1).data();
}

}  // namespace

bool lacks_debug_information(const types::Image& image) {
  return (image.header().flags & types::kImageHasDebugInformation) == 0;
}

ImageProvider::ImageProvider(const std::filesystem::path& program, meta::Debuginfod* debuginfod)
    : debuginfod_(debuginfod) {
  const std::string& name = program.native();
  const void* kept = std::memcpy(allocate_for_ever(name.size() + 1), name.c_str(), name.size() + 1);
  places_.set_program([](const void* text) { return static_cast<const char*>(text); }, kept);
  places_.read_environment(environ, allocate_for_ever);
  declared_ = declared_functions(places_);
  char path[4096];
  TextWriter text(path, sizeof(path));
  types::put_user_cache(text, environment("XDG_CACHE_HOME"), environment("HOME"));
  if (text.fits()) cache_ = path;
}

ProvidedImage ImageProvider::image_of(const std::filesystem::path& object,
                                      std::span<const std::uint8_t> build_id) {
  ProvidedImage provided;
  const std::string path = object.string();
  provided.file = metadata::map_file(path.c_str());
  elf::BuildId own;
  types::ObjectIdentity identity{
      .build_id = build_id, .path = path, .configuration = configuration()};
  if (provided.file) {
    own = metadata::build_id_of(*provided.file);
    const std::span<const std::uint8_t> own_id(own.bytes, own.size);
    if (!build_id.empty() && !std::ranges::equal(build_id, own_id)) {
      metadata::unmap(*provided.file);
      provided.file.reset();
      provided.problem = path + ": is another build than the one that was loaded";
    } else {
      identity.build_id = own_id;
      identity.file_size = provided.file->size;
      identity.file_mtime_ns = provided.file->mtime_ns;
    }
  } else {
    provided.problem = path + ": cannot be read";
  }
  if (provided.file) provided.image = metadata::find_embedded_image(*provided.file, identity);
  const bool is_embedded = provided.image.has_value();
  if (!provided.image) provided.image = metadata::find_image(places_, identity);
  std::optional<types::Image> poor;  // better than none
  if (provided.image && !is_embedded && provided.file && can_be_bettered(*provided.image, object))
    poor = std::exchange(provided.image, std::nullopt);
  if (!provided.image && provided.file) {
    std::filesystem::path cached;
    if (!cache_.empty()) {
      char text[4096];
      TextWriter out(text, sizeof(text));
      types::put_image_path(out, cache_.string(), identity);
      if (out.fits()) cached = text;
    }
    provided.image = make(object, cached, provided.problem);
    if (!provided.image) provided.image = poor;
  }
  return provided;
}

bool ImageProvider::can_be_bettered(const types::Image& image,
                                    const std::filesystem::path& object) const {
  return debuginfod_ != nullptr && lacks_debug_information(image) &&
         debuginfod_->find(image.build_id(), object.string()).has_value();
}

std::optional<types::Image> ImageProvider::make(const std::filesystem::path& object,
                                                const std::filesystem::path& cached,
                                                std::string& problem) {
  meta::Diagnostics diagnostics;
  const std::vector<std::byte> bytes = meta::build_image(
      {.object = object, .output = {}, .declared = &declared_, .debuginfod = debuginfod_},
      diagnostics);
  if (bytes.empty()) {
    problem = object.string() + ": no metadata could be made";
    return std::nullopt;
  }
  if (!cached.empty())
    types::store_image(cached, bytes);  // an unwritable cache costs time, not answers
  auto& kept =
      made_.emplace_back(std::make_unique<std::vector<std::uint64_t>>((bytes.size() + 7) / 8));
  std::memcpy(kept->data(), bytes.data(), bytes.size());
  return types::Image::open(reinterpret_cast<const std::byte*>(kept->data()), bytes.size());
}

}  // namespace allocs::tool
