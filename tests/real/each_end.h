// SPDX-License-Identifier: Apache-2.0
// For libraries that are preloaded before liballocs_preload.so: calls count(block), which the includer defines, for each block of the heap that is about to be
// freed or resized, NULL included.
#pragma once

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Whether the program lies in the folder $COUNT_IN: what programs call (ninja calls 300 times `touch`) is none of their memory.
static int is_to_be_counted(void) {
  char program[4096];
  const char* const folder = getenv("COUNT_IN");
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (folder == NULL) return 1;
  if (length < 0) return 0;
  program[length] = '\0';
  const size_t n = strlen(folder);
  return strncmp(program, folder, n) == 0 && program[n] == '/';
}

static void count(const void* block);

// The call that follows must be a jump: liballocs takes the return address for the site.
#define NEXT(name) \
  ((__typeof__(&name))(next_##name ? next_##name : (next_##name = dlsym(RTLD_NEXT, #name))))
static void *next_free, *next_realloc;

void free(void* block) {
  count(block);
  NEXT(free)(block);
}
void* realloc(void* block, size_t size) {
  count(block);
  return NEXT(realloc)(block, size);
}

// C++: all forms of delete, by their mangled names.
#define DELETE(name, parameters, arguments) \
  void name parameters;                     \
  static void* next_##name;                 \
  void name parameters {                    \
    count(block);                           \
    NEXT(name) arguments;                   \
  }
DELETE(_ZdlPv, (void* block), (block))
DELETE(_ZdaPv, (void* block), (block))
DELETE(_ZdlPvm, (void* block, size_t size), (block, size))
DELETE(_ZdaPvm, (void* block, size_t size), (block, size))
