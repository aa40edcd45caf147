// SPDX-License-Identifier: Apache-2.0
#pragma once

// A function that runs at the start or the end of every process, once, or when one of its call sites allocates for the first time. The linker puts what
// is hot side by side, so it lies beside the hooks, and a process that does little else touches one stretch of our code instead of six. Each costs
// it a page fault, and shell scripts are made of such processes (docs/costs_of_the_hooks.md).
#define ALLOCS_EVERY_PROCESS gnu::hot
// The same of a lambda, behind its parameters: before them attributes are C++23.
#define ALLOCS_EVERY_PROCESS_LAMBDA __attribute__((hot))
// Of those, one that runs once, and is to be small rather than fast: a page of code costs more than what it does.
#define ALLOCS_ONCE gnu::cold, gnu::section(".text.hot.once")

// The same for variables, which the linker puts in this order (runtime/preload/pages.ld): small ones, with no word said; those of which every
// process uses the first part, and in front of these what is written to with them; those that most never touch, and tables that they touch here and there; and the one that is so large that
// what lies behind it needs a page table of its own.
#if defined(__clang__)
#define ALLOCS_BESIDE_ROOT
#define ALLOCS_BEHIND_OTHERS
#define ALLOCS_APART
#define ALLOCS_LAST
#else
#define ALLOCS_BESIDE_ROOT __attribute__((section(".bss.beside")))
#define ALLOCS_BEHIND_OTHERS __attribute__((section(".bss.behind")))
#define ALLOCS_APART __attribute__((section(".lbss")))
#define ALLOCS_LAST __attribute__((section(".lbss.last")))
#endif
