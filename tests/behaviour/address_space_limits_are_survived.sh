#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Under a limit on its address space a guest runs as it does alone, and asks.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
int main(void) {
  int *p = malloc(100 * sizeof(int));
  void *all[1000];
  int got = 0;
  for (int i = 0; i < 1000; ++i) got += (all[i] = malloc(100000)) != NULL;
  struct alloc_info info;
  const int is_true = alloc_query(p, 0, &info) == 0 ? info.size == 400 : info.error == ALLOC_E_UNINDEXED;
  printf("%d %s %s\n", is_true, alloc_get_allocator(&p)->name, got > 0 ? "some" : "none");
}
END
build a.c
# Of the least one the run time's empty tables take 17 MiB. What its file has counts apart: code that is not optimised is larger.
require readelf
file=0
for size in $(readelf -lW "$ALLOCS_PREFIX/lib/liballocs_preload.so" | awk '$1 == "LOAD" { print $5 }'); do file=$((file + size)); done
for kilobytes in 1000000 200000 60000 $((19440 + file / 1024)); do
  (ulimit -v $kilobytes && preload ./a) > out || fail "exit status $? with $kilobytes KiB"
  expect out << 'END'
1 stackframe some
END
done

# What makes metadata says that it has no room for the file, or for what it finds; it does not die of that.
echo 'char large[60000000] = {1}; int main(void) { return large[0]; }' > large.c
build large.c
status=0
(ulimit -v 50000 && allocs meta build -o image ./large) > made 2> errors || status=$?
[ $status -eq 1 ] || fail "exit status $status: $(cat errors)"
grep -q 'see ulimit -v' errors || fail "$(cat errors)"
[ ! -e image ] || fail "there is an image"
kilobytes=10000
while [ $kilobytes -lt 60000 ]; do
  status=0
  (ulimit -v $kilobytes && allocs meta build -o image ./a) > made 2> errors || status=$?
  case $status in
    0 | 1 | 2 | 127) ;; # 127: the loader has no room
    *) fail "exit status $status with $kilobytes KiB: $(cat errors)" ;;
  esac
  kilobytes=$((kilobytes + 500))
done
