// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.h"
#include "runtime/index/records.h"

// The writing half of the module table.
//
// How changes are seen. At start-up and in queries that may wait, refresh_modules() walks the loader's list. Between
// those, an allocation site in no known module is looked up with `_dl_find_object` (lock-free; glibc 2.35), or else by a refresh.
// An object that is being unloaded runs `__cxa_finalize`, which is interposed: its sites leave the cache at once, so that
// whatever is loaded at its address next starts with a clean one. Interposing dlopen and dlclose would see less, and would change
// what they think their caller is.
//
// An instance is one object (path, build-id), loaded. When the same object comes back it gets its old instance: one at the
// same address as it is, else one that is moved to the new address with its sites, whose identity is (instance, offset). So a program that loads and
// unloads a plugin for ever has one record for it. Readers of the record during the move find it retired.
namespace allocs::allocators {

struct ModuleOfCode {
  index::ModuleRecord* record = nullptr;  // nullptr: code of no module
  std::uint64_t bias = 0;
  bool is_certain = false;  // false: the table could not be brought up to date now
  bool is_closing = false;  // it may be gone any moment
};

// The module whose code is at `a`, noted if it was not known. Context: hook.
ModuleOfCode module_of_code(Address a);

bool is_loaded(std::uint32_t instance);

// The record itself, which stays for ever; nullptr if the number was never given out. Context: signal.
index::ModuleRecord* module_record(std::uint32_t instance);

enum class Refreshed : std::uint8_t { no, unchanged, changed };

// Brings the table up to date with the loader. Refreshed::no: refused, because the table is being written. Cheap when nothing
// changed. Takes the loader's lock for a moment.
// Context: query, but not with ALLOC_NOWAIT.
Refreshed refresh_modules();
// The same as far as the answer at `a` is concerned; in a forked child no more than that can be had.
Refreshed refresh_modules_at(Address a);

// Is `instance` (0: none), which the table has at `a`, what the loader has there? The table lags behind: what it has may have gone, and
// something else may be in its place. An object in its finalisers may be gone any moment: no. Without the loader's lock-free
// look-up the table is believed. Context: signal.
bool table_is_true_at(Address a, std::uint32_t instance);

// Objects that came with the program run their finalisers when the process ends and are unloaded never, so that of them nothing need be remembered
// then. From here on that is so for those up to the C library in the loader's list. Does nothing if we were opened after it, or if it is not
// known. Context: init.
void objects_of_program_stay();

// The object that contains `handle` runs its finalisers. Context: hook.
void module_is_closing(const void* handle);

// Any address in the C library, and its own functions, each nullptr if it does not have it: what interposes them (ThreadSanitizer) may not be ready
// when the first block is allocated. Context: init.
void set_c_library(Address in_it, void* dl_find_object, void* dl_iterate_phdr);

}  // namespace allocs::allocators
