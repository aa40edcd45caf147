// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "declarations/declarations.h"
#include "meta/debuginfod.h"
#include "runtime/metadata/mapped_file.h"
#include "runtime/metadata/places.h"
#include "types/image.h"

namespace allocs::tool {

// An object's metadata, and its file. Images live as long as the provider.
struct ProvidedImage {
  std::optional<types::Image> image;
  std::optional<metadata::MappedFile>
      file;             // empty if it is not there, or is another build than was asked for
  std::string problem;  // why there is no image
};

// Was it made where there was none?
bool lacks_debug_information(const types::Image& image);

// Finds metadata images where the run time finds them, and makes those that are missing: kept in the user's cache if that can be
// written, else only for this run.
class ImageProvider {
 public:
  // `program`: the one in question, beside which functions may be declared. What has no debug information here is fetched from `debuginfod`,
  // which outlives this: not while anything waits but the person.
  explicit ImageProvider(const std::filesystem::path& program = {},
                         meta::Debuginfod* debuginfod = nullptr);

  // `build_id`: what the object must have; empty to take what the file has.
  ProvidedImage image_of(const std::filesystem::path& object,
                         std::span<const std::uint8_t> build_id);

  // Makes the image if there is none. True if there is one afterwards.
  bool prepare(const std::filesystem::path& object) {
    return image_of(object, {}).image.has_value();
  }

  // What users declare of functions that allocate, and what is wrong with that.
  const declarations::Declarations& declared() const { return declared_; }
  // The hash of that: a part of an image's name.
  std::uint64_t configuration() const { return places_.configuration().value_or(0); }

  // Where images are kept; empty if there is no such place.
  const std::filesystem::path& cache() const { return cache_; }

 private:
  std::optional<types::Image> make(const std::filesystem::path& object,
                                   const std::filesystem::path& cached, std::string& problem);

  // Is there debug information of the object to be had that the image does not know?
  bool can_be_bettered(const types::Image& image, const std::filesystem::path& object) const;

  meta::Debuginfod* debuginfod_ = nullptr;
  metadata::Places places_;
  declarations::Declarations declared_;
  std::filesystem::path cache_;
  std::vector<std::unique_ptr<std::vector<std::uint64_t>>> made_;
};

}  // namespace allocs::tool
