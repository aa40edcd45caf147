#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Without the run time in it, a process and its core still tell the arguments and the thread-locals of libraries, of each thread.
. "$(dirname "$0")/lib.sh"

cat > plugin.c << 'EOF'
struct reading { long id; double value; };
_Thread_local struct reading latest = {1, 2};
_Thread_local int count = 3;
struct reading *the_latest(void) { return &latest; }
int *the_count(void) { return &count; }
EOF
cat > a.c << 'EOF'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *library;
static pthread_barrier_t told;
static void tell(void) {
  printf("%p\n", ((void *(*)(void))dlsym(library, "the_latest"))());
  printf("%p\n", ((void *(*)(void))dlsym(library, "the_count"))());
}
static void *other(void *nothing) {
  tell();
  pthread_barrier_wait(&told);
  pause();
  return nothing;
}
int main(int argc, char **argv) {
  pthread_t thread;
  char line[8];
  library = dlopen("./plugin.so", RTLD_NOW);
  pthread_barrier_init(&told, NULL, 2);
  pthread_create(&thread, NULL, other, NULL);
  pthread_barrier_wait(&told);
  tell();
  printf("%p\n%p\n", (void *)argv, (void *)(argv - 1));
  fflush(stdout);
  if (argc > 2) abort();
  return read(0, line, sizeof line) < 0;
}
EOF
$CC -g -fPIC -shared -o plugin.so plugin.c
build a.c -pthread -ldl

as_expected() {
  expect "$1" << 'EOF'
At 0x* is a tls-symbol-allocated object of size 16, type reading
At 0x* is a tls-symbol-allocated object of size 4, type int$32
At 0x* is a tls-symbol-allocated object of size 16, type reading
At 0x* is a tls-symbol-allocated object of size 4, type int$32
At 0x* is a auxv-allocated object of size *, type __ARR*___PTR_signed_char$8
At 0x* is a auxv-allocated object of size *, type *
EOF
}
mkfifo input
: > inside
./a one < input > inside &
exec 3> input
while [ "$(wc -l < inside)" -lt 6 ]; do sleep 0.1; done
allocs what $! $(cat inside) > outside || fail "allocs what ended with $?: $(cat outside)"
echo > input
wait $!
grep '^At' outside > lines
as_expected lines

"$ALLOCS_SOURCE/scripts/core_of" core ./a one two > inside
allocs what core $(cat inside) > outside || fail "allocs what of the core ended with $?: $(cat outside)"
grep '^At' outside > lines
as_expected lines
