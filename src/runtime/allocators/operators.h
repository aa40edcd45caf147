// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <link.h>

#include <cstdint>

#include "runtime/allocators/state.h"

// C++'s operators new and delete, by their Itanium names. Plain, array, nothrow, aligned, sized: all take at most three words.
namespace allocs::allocators {

#define ALLOCS_NEW_OPERATORS(X)            \
  X(0, _Znwm)                              \
  X(1, _Znam)                              \
  X(2, _ZnwmRKSt9nothrow_t)                \
  X(3, _ZnamRKSt9nothrow_t)                \
  X(4, _ZnwmSt11align_val_t)               \
  X(5, _ZnamSt11align_val_t)               \
  X(6, _ZnwmSt11align_val_tRKSt9nothrow_t) \
  X(7, _ZnamSt11align_val_tRKSt9nothrow_t)

#define ALLOCS_DELETE_OPERATORS(X)           \
  X(8, _ZdlPv)                               \
  X(9, _ZdaPv)                               \
  X(10, _ZdlPvRKSt9nothrow_t)                \
  X(11, _ZdaPvRKSt9nothrow_t)                \
  X(12, _ZdlPvm)                             \
  X(13, _ZdaPvm)                             \
  X(14, _ZdlPvSt11align_val_t)               \
  X(15, _ZdaPvSt11align_val_t)               \
  X(16, _ZdlPvmSt11align_val_t)              \
  X(17, _ZdaPvmSt11align_val_t)              \
  X(18, _ZdlPvSt11align_val_tRKSt9nothrow_t) \
  X(19, _ZdaPvSt11align_val_tRKSt9nothrow_t)

inline constexpr int kOperatorCount = 20;
inline constexpr int kNewOperators = 8;
inline constexpr int kFirstAlignedNew = 4;

using AnyOperator = std::uint64_t (*)(std::uint64_t, std::uint64_t, std::uint64_t);

// `jump` is where our exported operator goes: the next definition itself, or a function of ours that calls `next` and records.
struct OperatorFamily {
  AnyOperator jump[kOperatorCount];
  AnyOperator next[kOperatorCount];  // nullptr: nobody has it
};
extern ALLOCS_OWN OperatorFamily g_operators;

// Finds the next definitions after `from` (a link_map); those of the object `recorded` are recorded. Context: hook.
void find_operators(const link_map* from, const link_map* recorded);

// Makes the loader skip our operators from now on if nobody had any at start-up: an object that is loaded later brings its own, and
// must find those. To be called before the loader relocates it, but not in every process, since it costs two system calls and a
// page: when the loader first allocates, as it does for each object before anything else. Context: hook.
void withdraw_unused_operators();

}  // namespace allocs::allocators
