#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sizeof(table) / sizeof(table[0]), also with a question to the compiler behind it whose value is 0, says how many there are, not what they are.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#define MUST_BE(condition) (sizeof(char[1 - 2 * !(condition)]) - 1)
#define NUMBER_OF(table) (sizeof(table) / sizeof((table)[0]) + MUST_BE(sizeof(table) != sizeof(void *)))
struct option { const char *name; long value; };
static struct option table[3];
static size_t product(size_t a, size_t b) { return a * b; }
static void show(const char *what, void *block) {
  struct alloc_info info;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
int main(void) {
  struct option *several = malloc(product(sizeof *several, NUMBER_OF(table)));
  void *unknown = malloc(NUMBER_OF(table) * sizeof(struct option));
  show("several", several);
  show("unknown", unknown);
  return 0;
}
END
command -v allocscc > /dev/null || skip "allocscc was not built"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  allocscc --allocs-cc="$compiler" -O1 -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
  preload ./a > out
  expect out << 'END'
several: __ARR0_option 3
unknown: __ARR0_option 3
END
done
