// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>

#include "types/image.h"

namespace allocs::tool {

// What an image says of containers, as text and as a list of objects.
void dump_containers(const types::Image& image, std::FILE* out);
nlohmann::ordered_json json_of_containers(const types::Image& image);

}  // namespace allocs::tool
