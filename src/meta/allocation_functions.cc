// SPDX-License-Identifier: Apache-2.0
#include "meta/allocation_functions.h"

#include <array>

namespace allocs::meta {
namespace {

using enum AllocationKind;

// clang-format off
constexpr std::array<AllocationFunction, 23> kKnown{{
    {"malloc",         plain, 0},
    {"calloc",         plain, 1, 0},
    {"realloc",        plain, 1},
    {"reallocarray",   plain, 2, 1},
    {"aligned_alloc",  plain, 1},
    {"memalign",       plain, 1},
    {"posix_memalign", plain, 2, kNoArgument, 0},
    {"valloc",         plain, 0},
    {"pvalloc",        plain, 0},
    {"strdup",         text},
    {"__strdup",       text},
    {"strndup",        text},
    {"__strndup",      text},
    // std::string's own, which ends in a jump to operator new
    {"_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createERmm", text},
    {"_Znwm",                               new_one,   0},
    {"_ZnwmRKSt9nothrow_t",                 new_one,   0},
    {"_ZnwmSt11align_val_t",                new_one,   0},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t",  new_one,   0},
    {"_Znam",                               new_array, 0},
    {"_ZnamRKSt9nothrow_t",                 new_array, 0},
    {"_ZnamSt11align_val_t",                new_array, 0},
    {"_ZnamSt11align_val_tRKSt9nothrow_t",  new_array, 0},
    {"__libc_memalign", plain, 1},
}};
// clang-format on

}  // namespace

std::span<const AllocationFunction> known_allocation_functions() { return kKnown; }

const AllocationFunction* known_allocation_function(std::string_view name) {
  for (const AllocationFunction& function : kKnown) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

}  // namespace allocs::meta
