// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "types/image_path.h"

namespace allocs::tool {

// Where the user's cache has the image of such an object; empty if there is no cache, because the environment does not say where home is.
std::filesystem::path cache_path(const std::filesystem::path& cache,
                                 const types::ObjectIdentity& identity);

// What a file that may be an image is worth to whoever needs that object's.
enum class CachedImage : std::uint8_t {
  none,  // there is none, or it is damaged, or of another object or format
  poor,  // made where there was no debug information
  good
};
CachedImage examine_image(const std::filesystem::path& image,
                          const types::ObjectIdentity& identity);

// The same for the object at that path, in the user's cache. Of the object only its notes are read. What users declared badly is for a
// builder to say, so then there is none.
CachedImage examine_cached_image(const std::filesystem::path& object);

}  // namespace allocs::tool
