#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where every file system is read-only, also the one that the cache and the home would lie in, a guest runs and its questions are answered; types too, if their
# images were made before.
. "$(dirname "$0")/lib.sh"
require unshare mount
unshare -m true 2> log || skip "no namespaces of mounts here: $(cat log)"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <unistd.h>
struct record { long id; char name[24]; } global;
int main(int argc, char **argv) {
  int *p = malloc(12), local;
  printf("%s %zu %zu %s ", alloc_get_allocator(&global)->name, alloc_get_size(&global), alloc_get_size(p), alloc_get_allocator(&local)->name);
  puts(argc > 1 ? uniqtype_name(alloc_get_type(&global)) : "");
  return creat("written", 0600) >= 0;
}
END
sed -i 's/#include <unistd.h>/#include <fcntl.h>/' a.c
build a.c
XDG_CACHE_HOME=$PWD/made allocs meta build ./a > /dev/null
for cache in made none; do
  [ $cache = made ] && ask=type || ask=
  unshare -m sh -c '
    mount --make-rprivate / && awk "{ print \$2 }" /proc/mounts | while read -r at; do mount -o remount,bind,ro "$at" 2> /dev/null; done
    ! touch here 2> /dev/null || exit 77
    export XDG_CACHE_HOME=$1 HOME=$PWD/home TMPDIR=$PWD; LD_PRELOAD=$2 exec ./a $3' sh "$PWD/$cache" "$PRELOAD" $ask > out 2> errors || status=$?
  [ "${status:-0}" -ne 77 ] || skip "the file system here cannot be made read-only"
  [ "${status:-0}" -eq 0 ] || fail "exit status $status: $(cat errors)"
  [ $cache = made ] && type=record || type=
  expect out << END
static 32 12 stackframe $type
END
  [ ! -s errors ] || fail "something was said: $(cat errors)"
done
