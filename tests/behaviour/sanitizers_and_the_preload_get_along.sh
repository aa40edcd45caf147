#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Programs built with sanitizers run as guests: UBSan, and ASan and LSan of clang, as they are; gcc's ASan with
# verify_asan_link_order=0, since it refuses any library that was preloaded before it (and says so; the program does not start then).
# Their allocators answer for their blocks, a bug is found as without us, and a question is answered or refused, never wrongly.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  int *block = malloc(10 * sizeof *block), local = 3;
  memset(block, 0, 40);
  struct alloc_info info;
  const int error = alloc_query(block + 3, 0, &info);
  const int right = error == 0 ? info.base == block && info.size == 40 : error == ALLOC_E_UNINDEXED || error == ALLOC_E_NOT_YET;
  printf("heap %s, ", right ? "right" : "wrong");
  printf("local %s\n", alloc_get_allocator(&local) != NULL ? alloc_get_allocator(&local)->name : "-");
  fflush(stdout);
  if (argc > 1) { int shift = argc + 100; return block[10 + argc] + (1 << shift); }  // the bug
  free(block);
  return 0;
}
END
tried=
for compiler in "$CC" clang clang-19; do
  command -v "$compiler" > /dev/null || continue
  for kind in address undefined leak thread; do
    $compiler -g -O1 -fsanitize=$kind -fno-sanitize-recover=all -I"$ALLOCS_PREFIX/include" -o a a.c \
      "$ALLOCS_PREFIX/lib/liballocs_link.a" 2> log || continue
    ./a > alone 2>&1 || continue # the sanitizer itself does not work here
    tried=yes
    status=0
    ASAN_OPTIONS=verify_asan_link_order=0 preload ./a > out 2> errors || status=$?
    [ $status -eq 0 ] || fail "$compiler -fsanitize=$kind: exit status $status: $(head -c 1000 errors)"
    grep -q '^heap right, local' out || fail "$compiler -fsanitize=$kind: $(cat out)"
    case $kind in address | undefined)
      ASAN_OPTIONS=verify_asan_link_order=0 preload ./a bug > out 2> errors && fail "$compiler -fsanitize=$kind: the bug was not found"
      grep -q 'heap-buffer-overflow\|runtime error' errors || fail "$compiler -fsanitize=$kind: another end: $(head -c 1000 errors)"
      ;;
    esac
    echo "$compiler $kind: $(cat out)"
  done
done
[ -n "$tried" ] || skip "no compiler here has a sanitizer that works"
