// SPDX-License-Identifier: Apache-2.0
#pragma once

// What users of a shared library may call; everything else is hidden.
#define ALLOCS_EXPORT __attribute__((visibility("default")))
