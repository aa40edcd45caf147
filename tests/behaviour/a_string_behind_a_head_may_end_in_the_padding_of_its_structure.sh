#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block in which all members have room is of the structure, though it is smaller than sizeof says: T[1] and T[] at the end begin in the padding. Where the last
# member does not fit any more, there is no type.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
struct old { struct old *next; int length; char kind; char text[1]; };
struct new { struct new *next; int length; char kind; char text[]; };
struct closed { struct closed *next; int length; char kind; char text[2]; };
static void show(const void *block) {
  struct uniqtype *type = alloc_get_type((void *)block);
  printf("%s\n", type == NULL ? "no type" : UNIQTYPE_NAME(type));
}
int main(int argc, char **argv) {
  struct old *old = malloc(offsetof(struct old, text) + (size_t)argc);
  show(old);
  old = realloc(old, offsetof(struct old, text) + (size_t)argc - 1);
  show(old);
  struct new *new = malloc(offsetof(struct new, text) + (size_t)argc - 1);
  show(new);
  struct closed *closed = malloc(offsetof(struct closed, text) + (size_t)argc);
  show(closed);
  (void)argv;
  return 0;
}
END
command -v allocscc > /dev/null || skip "allocscc was not built"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  echo "$compiler"
  allocscc --allocs-cc="$compiler" -O1 -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
  preload ./a > out
  expect out << 'END'
old
no type
new
no type
END
done
