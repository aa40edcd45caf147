// SPDX-License-Identifier: Apache-2.0
// usage: alloca_blocks KIND TIMES     Allocates blocks on the stack, TIMES of them, each used by a function that does next to nothing.
//
//   call      one block of a size that varies, in a function that is called each time
//   inlined   the same, in a function that is inlined
//   constant  of 64 bytes, in a function that is called each time
//   loop      up to 100 in one frame
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

static long g_sum;
__attribute__((noinline)) static void use(char* block, size_t size) {
  block[0] = (char)size;
  g_sum += block[0];
}
__attribute__((noinline)) static void call(size_t size) { use(alloca(size), size); }
__attribute__((noinline)) static void constant(void) { use(alloca(64), 64); }
static inline __attribute__((always_inline)) void inlined(size_t size) { use(alloca(size), size); }
__attribute__((noinline)) static void many(long count) {
  for (long i = 0; i < count; ++i) use(alloca(16 + (size_t)(i & 63)), 16);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long times = atol(argv[2]);
  const char* kind = argv[1];
  if (strcmp(kind, "call") == 0) {
    for (long i = 0; i < times; ++i) call(16 + (size_t)(i & 63));
  } else if (strcmp(kind, "inlined") == 0) {
    for (long i = 0; i < times; ++i) inlined(16 + (size_t)(i & 63));
  } else if (strcmp(kind, "constant") == 0) {
    for (long i = 0; i < times; ++i) constant();
  } else {
    for (long i = 0; i < times; i += 100) many(100);
  }
  return g_sum == 1;
}
