#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

cat > a.c <<'E'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
__attribute__((noinline)) static void ask(const void *base, const void *at) {
  char path[64] = "", type[64] = "";
  alloc_format_path(at, 0, path, sizeof(path));
  if (alloc_get_type(at)) uniqtype_describe(alloc_get_type(at), type, sizeof(type));
  printf("%s %s %zu %d %s\n", alloc_get_allocator(at)->name, type, alloc_get_size(at),
         alloc_get_base(at) == base, path);
}
__attribute__((noinline)) static int f(int n, int m) {
  int row[n];
  double grid[n][m];
  memset(row, 0, sizeof(row));
  memset(grid, 0, sizeof(grid));
  ask(row, &row[n - 1]);
  ask(grid, &grid[2][m - 1]);
  for (int i = 1; i < 3; ++i) {
    char text[8 * i];
    memset(text, 0, sizeof(text));
    ask(text, text + 5);
  }
  return row[0];
}
int main(int argc, char **argv) { return f(argc + 2, argc + 3); }
E
for flags in "gcc -O0" "gcc -gdwarf-4" "clang -O0" "clang-19 -gdwarf-4"; do
  command -v "${flags%% *}" > /dev/null || continue
  CC=${flags%% *}
  build a.c -std=gnu11 "${flags#* }"
  preload ./a > out
  expect out <<'E'
stackframe int\[\] 12 1 f::row\[2\]
stackframe double\[\]\[\] 96 1 f::grid\[2\]\[3\]
stackframe char\[\] 8 1 f::text\[5\]
stackframe char\[\] 16 1 f::text\[5\]
E
done
