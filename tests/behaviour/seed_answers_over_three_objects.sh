#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program is divided: the program calls a library, which loads another one that asks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"

cat > program.c << 'CODE'
void first(int (*entry)(int, char **), char **vector);
int main(int argc, char **argv) { first(main, argc > 0 ? argv : 0); return 0; }
CODE
cat > first.c << 'CODE'
#include <dlfcn.h>
#include <stdlib.h>
void first(int (*entry)(int, char **), char **vector) {
  int *p = malloc(42 * sizeof(int));
  void *ptrs[] = {entry, p, &p, vector, NULL};
  void *library = dlopen("./libsecond.so", RTLD_NOW);
  void (*second)(void **) = dlsym(library, "second");
  second(ptrs);
  free(p);
}
CODE
cat > second.c << 'CODE'
#include <allocs.h>
#include <stdio.h>
void second(void **ptrs) {
  for (void **x = ptrs; *x; ++x)
    printf("At %p is a %s-allocated object of size %u, type %s\n", *x, alloc_get_allocator(*x)->name,
           (unsigned)alloc_get_size(*x), UNIQTYPE_NAME(alloc_get_type(*x)));
}
CODE
for compiler in $(each_compiler); do
  for level in 0 2; do
    flags="-g -O$level -I$ALLOCS_PREFIX/include"
    $compiler $flags -fPIC -shared -o libsecond.so second.c -L"$ALLOCS_PREFIX/lib" \
      -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
    $compiler $flags -fPIC -shared -o libfirst.so first.c
    $compiler $flags -o program program.c -L. -Wl,-rpath,. -lfirst
    preload ./program | sed 's/first_vaddrs/main_vaddrs/' > out
    expect_four_lines out '__ARR0_int$32'
  done
done
