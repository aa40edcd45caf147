#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever the machine's setting for transparent huge pages ("always" among them): the tables of the run time never take one, so that a
# program with a block in each of a hundred regions pays for a hundred small pages. Asked of the kernel: their mappings say "nh".
. "$(dirname "$0")/lib.sh"
[ -r /proc/self/smaps ] && [ -d /sys/kernel/mm/transparent_hugepage ] || skip "this kernel has no transparent huge pages"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
int main(void) {
  static void *blocks[100];
  for (int i = 0; i < 100; ++i) blocks[i] = malloc(100 << 20);
  FILE *maps = fopen("/proc/self/smaps", "r");
  static char line[1000];
  unsigned long end_of_library = 0, from = 0, to = 0, own = 0, without = 0, kilobytes, resident = 0;
  int is_own = 0;
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < line + 17) {
      struct alloc_info info;
      is_own = to - from >= 2 << 20 && alloc_query((void *)(from + (to - from) / 2), 0, &info) == 0 && strcmp(info.allocator->name, "liballocs") == 0;
      // Behind the library's file lies its zeroed data: three mappings at most, each beginning where the one before ends.
      const int is_file = strstr(line, "liballocs_preload") != NULL;
      if (is_file || (from == end_of_library && strchr(line, '/') == NULL)) end_of_library = to, is_own |= to - from >= 2 << 20;
    } else if (is_own && sscanf(line, "Rss: %lu", &kilobytes) == 1) {
      resident += kilobytes;
    } else if (is_own && strncmp(line, "VmFlags:", 8) == 0) {
      ++own;
      if (strstr(line, " nh") == NULL) ++without, printf("%lx-%lx may get huge pages\n", from, to);
    }
  }
  printf("%d, %lu without, %s\n", own > 0, without, resident < 8192 ? "small" : "large");
}
END
build a.c -O1
ALLOCS_META=never preload ./a > out || fail "exit status $?"
expect out << 'END'
1, 0 without, small
END
