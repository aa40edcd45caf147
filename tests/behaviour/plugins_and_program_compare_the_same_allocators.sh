#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The address of an allocator object is the same in a program, in a library that it is linked to and in one that it loads, all
# linked with liballocs_link.a.
. "$(dirname "$0")/lib.sh"

cat > library.c << 'END'
#include <allocs.h>
int NAME(void *p) { return alloc_get_allocator(p) == &__default_lib_malloc_allocator && alloc_get_size(p) == 10; }
END
cat > a.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
int linked(void *p);
int main(void) {
  void *p = malloc(10);
  int (*loaded)(void *) = (int (*)(void *))dlsym(dlopen("./libloaded.so", RTLD_NOW), "loaded");
  printf("%d %d %d\n", linked(p), loaded(p), USE(alloc_get_allocator(p)));
}
END
archive=$ALLOCS_PREFIX/lib/liballocs_link.a
for linker in bfd gold lld; do
  command -v ld.$linker > /dev/null || continue
  for name in linked loaded; do
    $CC -fuse-ld=$linker -shared -fPIC -DNAME=$name -I"$ALLOCS_PREFIX/include" -o lib$name.so library.c "$archive"
  done
  for use in 'a==&__default_lib_malloc_allocator' 'a!=NULL'; do
    for flags in -pie -no-pie -rdynamic; do
      echo "$linker $use $flags"
      $CC -fuse-ld=$linker $flags "-DUSE(a)=($use)" -I"$ALLOCS_PREFIX/include" -o a a.c -L. -Wl,-rpath,. -llinked "$archive"
      preload ./a > out
      expect out << 'END'
1 1 1
END
      ./a > out
      expect out << 'END'
0 0 [01]
END
    done
  done
done
