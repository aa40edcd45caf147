// SPDX-License-Identifier: Apache-2.0
#pragma once

// A function that runs at the start or the end of every process, once. The linker puts what is hot side by side, so it lies beside the hooks, and a
// process that does little else touches one stretch of our code instead of seven. Each costs it a page fault, and shell scripts are made of such
// processes (docs/costs_of_the_hooks.md).
#define ALLOCS_EVERY_PROCESS gnu::hot
