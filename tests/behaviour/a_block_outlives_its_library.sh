#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block allocated by a library keeps its type when the library is unloaded and another one takes its place.
. "$(dirname "$0")/lib.sh"

cat > one.c << 'END'
#include <stdlib.h>
struct of_one { long a, b, c; };
void *make(void) { struct of_one *p = malloc(3 * sizeof *p); return p; }
END
sed 's/of_one/of_two/g' one.c > two.c
for name in one two; do $CC -g -fPIC -shared -o lib$name.so $name.c; done
cat > a.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
static void *made_by(const char *name) {
  void *library = dlopen(name, RTLD_NOW);
  void *p = ((void *(*)(void))dlsym(library, "make"))();
  if (name[5] == 'o') alloc_get_type(p);
  dlclose(library);
  return p;
}
int main(void) {
  void *one = made_by("./libone.so"), *two = made_by("./libtwo.so");
  printf("%s %zu %s\n", uniqtype_name(alloc_get_type(one)), alloc_get_size(one),
         alloc_get_site(one) == alloc_get_site(two) ? "same place" : "other place");
  printf("%s\n", uniqtype_name(alloc_get_type(two)));
  printf("%p %p\n", one, two);
  fflush(stdout);
  getchar();
}
END
build a.c
mkfifo input
: > out
LD_PRELOAD=$PRELOAD ./a < input > out &
exec 3> input
while [ "$(wc -l < out)" -lt 3 ]; do sleep 0.1; done
allocs what $! $(tail -n 1 out) > outside || fail "allocs what ended with $?"
echo > input
wait $!
sed -n '1,2p' out > types
expect types << 'END'
__ARR0_of_one 72 *place
[(_]*
END
expect_line outside "*site*make in *libone.so*"
expect_line outside "*site*make in *libtwo.so*"
