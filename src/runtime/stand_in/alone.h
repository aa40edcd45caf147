// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs.h"
#include "allocs/allocator.h"
#include "allocs/container.h"
#include "allocs/elf_file.h"
#include "allocs/frame.h"
#include "allocs/interpreter.h"
#include "allocs/lifetime.h"
#include "allocs/move.h"
#include "allocs/sequence.h"
#include "allocs/stop.h"
#include "allocs/walk.h"
#include "base/public_names.h"

// What each public function answers in a process without the run time: "cannot tell". Hidden, so that they stay private to
// whatever they are linked into.
#define ALLOCS_ALONE(name) allocs_alone_##name
#define ALLOCS_ALONE_TEXT(name) "allocs_alone_" #name

extern "C" {
#define ALLOCS_DECLARE_ALONE(name) \
  __attribute__((visibility("hidden"))) decltype(name) ALLOCS_ALONE(name);
ALLOCS_API_FUNCTIONS(ALLOCS_DECLARE_ALONE)
#undef ALLOCS_DECLARE_ALONE
}
