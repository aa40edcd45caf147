#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program linked with liballocs_link.a depends on no library of ours, answers under the run time as any other, and "cannot
# tell" without it or when it is static, whatever linked it.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
int main(void) {
  int x = 0;
  void *p = malloc(10);
  struct alloc_info info;
  printf("%s %zu ", alloc_get_allocator(p)->name, alloc_get_size(p));
  printf("%s %d ", alloc_get_allocator(&x)->name, alloc_get_allocator(p) == &__default_lib_malloc_allocator);
  printf("%s\n", alloc_error_message(alloc_query(p, ALLOC_NOWAIT, &info)));
  return 0;
}
END
answers() {
  "$@" > out
  expect out
}
alone='(cannot tell) 0 (cannot tell) 0 the run time is not loaded*'
asked='__default_lib_malloc 10 stackframe 1 success'
for compiler in $(command -v gcc || true) $(command -v clang || true); do
  for linker in bfd gold lld; do
    command -v ld.$linker > /dev/null || continue
    for flags in "" -O2 -no-pie "-O2 -Wl,-z,now,--gc-sections" -static -static-pie; do
      [ "$linker$flags" = "gold-static-pie" ] && continue # gold has no --no-dynamic-linker
      echo "$compiler $linker $flags"
      $compiler -g -fuse-ld=$linker $flags -I"$ALLOCS_PREFIX/include" -o a a.c "$ALLOCS_PREFIX/lib/liballocs_link.a"
      if readelf -dW a | grep -q 'NEEDED.*allocs'; then fail "needs a library of ours"; fi
      echo "$alone" | answers ./a
      case $flags in
        -static*) echo "$alone" ;;
        *) echo "$asked" ;;
      esac | answers env LD_PRELOAD="$PRELOAD" ./a
    done
  done
done

cat > plain.c << 'END'
int main(void) { return 0; }
END
$CC -o plain plain.c "$ALLOCS_PREFIX/lib/liballocs_link.a"
if nm plain | grep -q alloc_; then fail "the archive is linked into a program that does not use it"; fi
