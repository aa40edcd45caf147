// SPDX-License-Identifier: Apache-2.0
// usage: first_query own|libc     Prints the nanoseconds of this process's first query, and of the second: the type of an object of
// its own, or of libc. Then its answer.
#include <allocs.h>
#include <allocs/uniqtype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct point {
  int x, y;
} g_point;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const void* const object =
      strcmp(argv[1], "libc") == 0 ? (const void*)stdout : (const void*)&g_point;
  now();
  const long long start = now();
  struct uniqtype* type = alloc_get_type(object);
  const long long middle = now();
  type = alloc_get_type(object);
  const long long end = now();
  printf("%lld %lld %s\n", middle - start, end - middle,
         type != NULL ? uniqtype_name(type) : "none");
  return type == NULL;
}
