// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "types/write/object_model.h"

namespace allocs::types {

// The image of `model`: texts and statics in order, name index, checksums. The same model gives the same bytes.
// Sorts model.statics, model.tls and model.sites.
std::vector<std::byte> encode_image(ObjectModel& model);

// Puts `image` at `path` in one step: a file (mode 0600) gets the name when all is written, so that a reader sees
// the old file or the whole new one. A device or pipe is written to. Creates missing directories. Returns what went wrong, or an empty text.
std::string store_image(const std::filesystem::path& path, std::span<const std::byte> image);

}  // namespace allocs::types
