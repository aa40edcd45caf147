// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>

#include "types/image.h"

namespace allocs::tool {

// Everything an image says, for people and for programs.
void dump_text(const types::Image& image, std::FILE* out);
void dump_json(const types::Image& image, std::FILE* out);

}  // namespace allocs::tool
