#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Beside gcc, clang reads no unit of C of which gcc can tell that it has has no allocation site; whatever may have one is read, and where gcc cannot tell, all is.
. "$(dirname "$0")/lib.sh"
need_plugin
require gcc objcopy
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"
of_gcc=$ALLOCS_PREFIX/lib/allocs/gcc-$(gcc -dumpversion | cut -d. -f1)/allocs.so
[ -e "$of_gcc" ] || skip "the plugin for this gcc was not built"
clang=$(readlink -f "$(command -v clang-19)")
export ALLOCSCC_MEMO=never TMPDIR="$PWD"
gcc=gcc

# is_read SOURCE [OPTION...]   compiles, and tells whether clang has read it as well. The list has to be clang's in any case.
is_read() {
  source=$1
  shift
  allocscc --allocs-cc="$gcc" --allocs-verbose -g -c "$@" "$source" -o object.o 2> said || fail "$source: $(cat said)"
  objcopy --dump-section .allocs.sites=list object.o copy.o 2> /dev/null || fail "$source: has no list"
  "$lister" whole "$clang" -w -x c "$source" || fail "$source: clang does not understand it"
  cmp list whole || fail "$source $*: another list"
  ! grep -q 'has no allocation site' said
}
# The source is standard input.
expect_read() {
  cat > "$1"
  is_read "$@" || fail "$*: is not read: $(cat "$1")"
}
expect_not_read() {
  cat > "$1"
  ! is_read "$@" || fail "$*: is read: $(cat "$1")"
}

mkdir "with  spaces"
for level in -O0 -O2; do
  # What gcc can tell: no pointer comes back, no number is told, the function is known for something else.
  echo 'int nothing;' | expect_not_read nothing.c $level
  echo 'double f(double x) { return x; }' | expect_not_read "with  spaces/100%.c" $level
  expect_not_read calls.c $level << 'END'
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
struct s { struct s *next; } *first(struct s *), *none(struct s *, int, long);
int (*signal_like(int, void (*)(int)))(int);
char *f(char *s, struct s *t, int n) {
  printf("%d\n", n);
  qsort(s, 3, 8, 0);
  signal_like(3, 0);
  memcpy(s, t, sizeof *t);
  free(first(t));
  return strchr(s, 'x') ? strrchr(s, 3) : (char *)memset(s, 0, sizeof *t);
}
struct s *zero(struct s *t) { return none(t, 0, -1); }
END
  # And what may be one, whichever way it is told.
  for call in 'malloc(8)' 'calloc(n, 4)' 'realloc(p, n)' 'posix_memalign(&p, 16, n) ? 0 : p' 'sized(n)' 'sized(sizeof(int))' \
    'maybe(sizeof(long))' 'mine(n)' 'hooks.get(n)' '(*hooks.get)(32)' 'inlined(n)' '__builtin_malloc(n)' 'aligned_alloc(16, n)'; do
    expect_read one.c $level << END
#include <stdlib.h>
void *sized(long) __attribute__((alloc_size(1)));
long *maybe(unsigned long);
void *mine(long);
struct { void *(*get)(unsigned long); } hooks;
static inline __attribute__((always_inline)) void *inlined(long n) { return mine(n); }
void *f(void *p, long n) { return $call; }
END
  done
done

# Of typed memory, only what is told a number that is made of the sizes of types counts: as whoever reads the source sees, whichever way it is said.
head='#include "head.h"
struct part { int a, b; } *get(int, int), *(*get_through)(int);
'
echo '#ifndef HEAD
#define HEAD
#include <stddef.h>
enum { H_ONE = 1, plain_one = 1 };
#define H_PLAIN(name) plain_ ## name
enum head { H_NONE, H_SIZE = sizeof(long) };
enum { H_COMPUTED = offsetof(struct { int a; long b; }, b) };
#define H_ROOM (2 * sizeof(long))
#define H_NEW(n) get(n, H_SIZE)
#define H_PASTE(name) H_ ## name
#define H_BODY(name) struct part *name(int n) { return get(n, sizeof(struct part)); }
static const unsigned long h_size = sizeof(long), h_one = 1;
static unsigned long h_table[] = {3, sizeof(long), 4};
static inline int h_bytes(int n) { return n * H_ROOM; }
static inline int h_more(int n) { return n > 0 ? h_more(n - 1) : h_bytes(n); }
static inline int h_sum(int n) { return n; }
#endif' > head.h
while read -r call; do
  echo "$head struct part *f(int n) { return $call;
}" | expect_not_read typed.c -O1
done << 'END'
get(3, n)
get(H_ONE, n)
get_through(h_sum(n) + h_one)
get(n, H_PLAIN(one)) /* sizeof(int) */
get(n, "sizeof(int)"[n]); // H_SIZE
get('"', 'x' /* " */)
END
while read -r call; do
  echo "$head struct part *f(int n) { return $call;
}" | expect_read typed.c -O1
done << 'END'
get(1, sizeof(struct part))
get(H_SIZE, n)
get(n, H_COMPUTED)
get(H_ROOM, 3)
H_NEW(3)
get(n, H_PASTE(SIZE))
get_through(h_size)
get(h_table[n], 3)
get(3, h_bytes(n))
get(3, h_more(n))
get('"', sizeof '"')
END
for body in 'H_BODY(f)' '
#define SIZED get(1, sizeof(int))
struct part *f(int n) { return SIZED; }
#undef SIZED
#define SIZED 0' '
#define SIZE sizeof(int)
#define SIZED get(1, SIZE)
struct part *f(int n) { return SIZED; }
#undef SIZED
#undef SIZE' 'struct part *f(int n) { return
#include "call.h"
; }' '
#line 1 "elsewhere.c"
struct part *f(int n) { return get(1, sizeof(int)); }' 'int g(int);
int f2(int n) { return n ? g(n - 1) : (int)sizeof(int); }
int g(int n) { return f2(n); }
struct part *f(int n) { return get(1, g(n)); }'; do
  echo 'get(1, sizeof(int))' > call.h
  echo "$head $body" | expect_read typed.c -O1
done
gcc -E typed.c -o typed.i
is_read typed.i || fail "preprocessed: is not read"

# Declared by the user.
echo 'int take(void **, int); void *f(int n) { void *p; return take(&p, n) ? p : 0; }' > declared.c
! is_read declared.c || fail "not declared: is read"
LIBALLOCS_ALLOC_FNS='take(OZ)i' is_read declared.c || fail "declared: is not read"

# Where gcc's plugin says nothing, clang reads.
echo 'int f(int n) { return n + 1; }' > plain.c
is_read plain.c -fopenmp || fail "OpenMP: is not read"
for options in -pipe -save-temps -std=gnu89 -fPIC; do
  ! is_read plain.c $options || fail "$options: is read"
done
without_plugin='for word; do shift; case $word in -fplugin=*) ;; *) set -- "$@" "$word" ;; esac; done; exec gcc "$@"'
mkdir other
printf '#!/bin/sh\n%s\n' "$without_plugin" > other/gcc
chmod +x other/gcc
gcc=$PWD/other/gcc
is_read plain.c || fail "no plugin: is not read"
# A compiler that leaves a process behind, which keeps the pipe.
printf '#!/bin/sh\nsleep 60 > /dev/null 2>&1 &\necho $! > left\n%s\n' "$without_plugin" > other/gcc
is_read plain.c || fail "a process left: is not read"
kill "$(cat left)"
# The number of something else.
ALLOCSCC_SITE_VERDICT_PIPE=1 gcc -c plain.c -fplugin="$of_gcc" | cat > out
[ ! -s out ] || fail "wrote to standard output"

# What does not compile fails as before.
echo 'int f(int n) { return m; }' > wrong.c
! allocscc --allocs-cc=gcc -c wrong.c -o wrong.o 2> ours || fail "wrong.c compiles"
! gcc -c wrong.c -o wrong.o 2> theirs || fail "wrong.c compiles"
cmp ours theirs
[ -z "$(find . -name 'cc*')" ] || fail "left behind: $(find . -name 'cc*')"
