#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# When objects run their finalisers they are not believed any more: a walk passes over them, mapping by mapping, and tells the rest.
. "$(dirname "$0")/lib.sh"

cat > walker.c <<'EOF'
#include <allocs/walk.h>
#include <stdio.h>
#include <string.h>
static long steps, blocks, wrong;
static int count(const struct alloc_step *step, void *context) {
  (void)context;
  ++steps;
  blocks += step->allocation.allocator == &__default_lib_malloc_allocator;
  if (step->above != NULL && (step->allocation.base < step->above->allocation.base || step->allocation.depth != step->depth)) ++wrong;
  return 0;
}
__attribute__((destructor)) static void at_the_end(void) {
  int result = alloc_walk_tree(NULL, 0, count, NULL);
  printf("%d: %s blocks, %s steps, %ld wrong\n", result, blocks >= 100 ? "over 100" : "few", steps > blocks + 20 ? "other" : "no other", wrong);
}
EOF
cat > a.cc <<'EOF'
#include <cstdlib>
#include <iostream>
static void* kept[100];
int main() {
  for (void*& each : kept) each = std::malloc(50);
  std::cout << "ends" << std::endl;
}
EOF
build a.cc
$CC -shared -fPIC -g -I"$ALLOCS_PREFIX/include" -o walker.so walker.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
LD_PRELOAD="$PRELOAD:./walker.so" ./a > out || fail "exit status $?"
expect out <<'EOF'
ends
0: over 100 blocks, other steps, 0 wrong
EOF
