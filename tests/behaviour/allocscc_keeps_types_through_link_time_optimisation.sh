#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Link-time optimisation, in which the objects of the compilers are not what is linked, keeps what they know of types: clang's marks
# and the list beside gcc's code, also where calls are inlined across units.
. "$(dirname "$0")/lib.sh"
need_plugin
require gcc

cat > shared.h << 'END'
#include <stdlib.h>
struct point { double x, y; };
struct pair { long first, second, third; };
struct leaf { struct leaf *next; int value; };
struct point *make_points(int n);
struct pair *make_pair(void);
void *fresh(size_t n);
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include "shared.h"
static void tell(const char *name, void *block) {
  struct alloc_info info;
  alloc_query(block, 0, &info);
  printf("%s: %s\n", name, info.type ? uniqtype_name(info.type) : alloc_error_message(info.type_error));
}
int main(int argc, char **argv) {
  struct leaf *volatile leaf = fresh(sizeof *leaf);
  void *volatile five = malloc(5 * sizeof(struct leaf));
  (void)argv;
  tell("wrapped", leaf);
  tell("five", five);
  tell("points", make_points(argc + 1));
  tell("pair", make_pair());
  return 0;
}
END
cat > b.c << 'END'
#include "shared.h"
struct point *make_points(int n) { void *p = malloc(n * sizeof(struct point)); if (!p) abort(); return p; }
struct pair *make_pair(void) { void *p = malloc(sizeof(struct pair)); if (!p) abort(); return p; }
void *fresh(size_t n) { void *p = malloc(n); if (!p) abort(); return p; }
END

export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
check() { # COMPILER FLAG...
  echo "$@"
  cc=$1
  shift
  for unit in a b; do allocscc --allocs-cc="$cc" "$@" -I"$ALLOCS_PREFIX/include" -c $unit.c; done
  allocscc --allocs-cc="$cc" "$@" a.o b.o -o a
  preload ./a > out
  expect out << 'END'
wrapped: leaf
five: __ARR0_leaf
points: __ARR0_point
pair: pair
END
}
for flags in "-O0 -flto" "-O2 -flto" "-O2 -flto -ffat-lto-objects" "-O3 -flto -flto-partition=none"; do
  # shellcheck disable=SC2086 # the flags are a list
  check gcc $flags
done
# The linker needs a plugin of clang's.
echo 'int main(void) { return 0; }' > try.c
clang-19 -flto try.c -o try 2> /dev/null || exit 0
for flags in "-O0 -flto" "-O2 -flto" "-O2 -flto=thin" "-O3 -flto"; do
  # shellcheck disable=SC2086
  check clang-19 $flags
done
