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

# is_read SOURCE [OPTION...]   compiles, with $for_both too, and tells whether clang has read it as well. The list has to be clang's in any case, with $for_both.
for_both=
is_read() {
  source=$1
  shift
  # shellcheck disable=SC2086
  allocscc --allocs-cc="$gcc" --allocs-verbose -g -c "$@" $for_both "$source" -o object.o 2> said || fail "$source: $(cat said)"
  objcopy --dump-section .allocs.sites=list object.o copy.o 2> /dev/null || fail "$source: has no list"
  # shellcheck disable=SC2086
  "$lister" whole "$clang" -w $for_both -x c "$source" || fail "$source: clang does not understand it"
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
struct s { struct s *next; } *first(struct s *);
int (*signal_like(int, void (*)(int)))(int);
char *f(char *s, struct s *t, int n) {
  printf("%d\n", n);
  qsort(s, 3, 8, 0);
  signal_like(3, 0);
  memcpy(s, t, sizeof *t);
  free(first(t));
  return strchr(s, 'x') ? strrchr(s, 3) : (char *)memset(s, 0, sizeof *t);
}
END
  # And what may be one, whichever way it is told.
  for call in 'malloc(8)' 'calloc(n, 4)' 'realloc(p, n)' 'posix_memalign(&p, 16, n) ? 0 : p' 'sized(n)' 'sized(sizeof(int))' \
    'maybe(sizeof(long))' 'mine(n)' 'hooks.get(n)' '(*hooks.get)(32)' 'inlined(n)' '__builtin_malloc(n)' 'aligned_alloc(16, n)' 'mine(0)' 'sized(0)' 'mine(-1)' 'kept(0)' 'kept(SLOT)'; do
    expect_read one.c $level << END
#include <stdlib.h>
void *sized(long) __attribute__((alloc_size(1)));
long *maybe(unsigned long);
void *mine(long);
enum { SLOT = sizeof(long) };
struct part *kept(int);
struct { void *(*get)(unsigned long); } hooks;
static inline __attribute__((always_inline)) void *inlined(long n) { return mine(n); }
void *f(void *p, long n) { return $call; }
END
  done
done

# What returns a pointer to something, and is told a number, has a site if a size of a type is in it. gcc's parser has made numbers of these.
cat > part.h << 'END'
#ifndef PART
#define PART
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
struct part { char head; struct part *next; long rest[3]; };
struct part *kept(long);
struct part *sized(long) __attribute__((alloc_size(1)));
struct { struct part *(*get)(long, _Bool); } hooks;
#define OFFSET(type, member) __builtin_offsetof(type, member)
#define PASTED(a, b) a##b(struct part, rest)
#define HALF_PASTED(b) __builtin_##b(struct part, rest)
#define LABEL(n) case_##n
#define WHOLE_BODY return kept(__builtin_offsetof(struct part, rest))
static inline int size_of_part(void) { return sizeof(struct part); }
#endif
END
echo '#include "part.h"' > both.h
echo 'enum { kSystem = sizeof(struct part) };' >> both.h
for level in -O0 -O2; do
  for call in 'kept(0)' 'kept(n)' 'kept(kPlain)' 'kept(n + 3)' 'hooks.get(n, 1)' 'LABEL(3) ? kept(n) : 0' 'kept(kNumber)' 'kept(-1)' "kept('c')" 'kept(other(n))' 'kept(__LINE__)' 'kept(sizeof(void) + n)' 'kept(sizeof(f))'; do
    expect_not_read typed.c $level << END
#include "part.h"
enum { kPlain = 3 };
static const long kNumber = 9;
long other(long);
int size_outside(void) { return sizeof(struct part); }
int case_3;
struct part *f(long n) { return $call; }
END
  done
  for call in 'kept(sizeof(struct part))' 'kept(n * sizeof(struct part))' 'kept(size)' 'kept(kSize)' 'kept(kEnumerator)' 'kept(size_of_part())' 'kept(size_by_another())' 'kept(offsetof(struct part, rest) + 8)' \
    'kept(OFFSET(struct part, rest))' 'kept(PASTED(__builtin_, offsetof))' 'kept(HALF_PASTED(offsetof))' 'kept(__builtin_offsetof(struct part, rest) + n)' 'kept(({ long s = sizeof(long); s; }))' 'sized(3)' 'sized(n)' \
    'kept(_Generic(n, long: sizeof(struct part), default: 1))' 'kept(sizeof *hooks.get(n, 0))' 'kept(n ? sizeof(struct part) : 3)' 'hooks.get(sizeof(struct part), 1)' 'kept(sizeof local)' \
    'kept(__builtin_choose_expr(1, sizeof(struct part), 0))' 'kept(in_parameters(n))'; do
    case $call in
      *kSize*) outside='static const long kSize = sizeof(struct part);' ;;
      *kEnumerator*) outside='enum { kFirst, kEnumerator = sizeof(struct part) + kFirst };' ;;
      *another*) outside='static long size_by_another(void) { return size_of_part(); }' ;;
      *) outside= ;;
    esac
    variable=
    case $call in *'(size)'*) variable='const long size = sizeof(struct part);' ;; *local*) variable='struct part local;' ;; esac
    case $call in *in_parameters*) call='kept(kInner)' parameter=', enum { kInner = sizeof(struct part) } inner' ;; *) parameter= ;; esac
    expect_read typed.c $level << END
#include "part.h"
$outside
struct part *f(long n$parameter) { $variable return $call; }
END
  done
done
# The first word of a body, and the last one before the next.
expect_read first.c << 'END'
#include "part.h"
struct part *f(void) { WHOLE_BODY; }
END
expect_not_read last.c << 'END'
#include "part.h"
struct part *f(void) { return kept(3); }
int g(void) { return OFFSET(struct part, rest); }
END
# From where it is not the unit's own text: the command line, a header of the system, one that was compiled before.
echo '#include "part.h"
struct part *f(void) { return kept(SLOT); }' > slot.c
for_both='-DSLOT=3'
! is_read slot.c || fail "$for_both: is read"
for_both='-DSLOT=sizeof(long)'
is_read slot.c || fail "$for_both: is not read"
for_both='-DSLOT=__builtin_offsetof(struct/**/part,rest)'
is_read slot.c || fail "$for_both: is not read"
mkdir system
mv both.h system
cp part.h system
for_both='-isystem system -include both.h -DSLOT=kSystem'
is_read slot.c || fail "$for_both: is not read"
echo 'static inline struct part *direct(void) { return kept(__builtin_offsetof(struct part, rest)); }' >> system/part.h
for_both='-Isystem -include system/part.h -DSLOT=0'
printf '#include "system/part.h"\nstruct part *f(void) { return direct(); }\n' > direct.c
for_both=
is_read direct.c || fail "the word itself in a header: is not read"
cp system/both.h before.h
echo 'typedef struct part some;' >> part.h
echo '#include "before.h"
struct part *f(void) { return kept(kSystem); }' > late.c
allocscc --allocs-cc=gcc -g -x c-header before.h -o before.h.gch
is_read late.c -Winvalid-pch -Werror || fail "a precompiled header: is not read"
# What has been through a preprocessor already.
echo 'struct part *kept(long); struct part *f(long n) { return kept(n); }' > typed.c
! is_read typed.c || fail "a declaration of its own: is read"
gcc -E typed.c -o typed.i
is_read typed.i || fail "preprocessed: is not read"

# Declared by the user.
echo 'int take(void **, int); void *f(int n) { void *p; return take(&p, n) ? p : 0; }' > declared.c
! is_read declared.c || fail "not declared: is read"
LIBALLOCS_ALLOC_FNS='take(OZ)i' is_read declared.c || fail "declared: is not read"

# Where gcc's plugin says nothing, clang reads.
echo 'int f(int n) { return n + 1; }' > plain.c
for options in -fopenmp -save-temps; do
  is_read plain.c $options || fail "$options: is not read"
done
for options in -pipe -std=gnu89 -fPIC; do
  ! is_read plain.c $options || fail "$options: is read"
done
without_plugin='for word; do shift; case $word in -fplugin=*) ;; *) set -- "$@" "$word" ;; esac; done; exec gcc "$@"'
mkdir other
printf '#!/bin/sh\n%s\n' "$without_plugin" > other/gcc
chmod +x other/gcc
gcc=$PWD/other/gcc
is_read plain.c || fail "no plugin: is not read"
# A compiler that compiles something else first, of which gcc could tell.
echo 'void *mine(long); void *f(long n) { return mine(n); }' > site.c
printf '#!/bin/sh\ngcc "-fplugin=%s" -c plain.c -o plain.o || exit 1\nexec gcc "$@"\n' "$of_gcc" > other/gcc
is_read site.c || fail "another unit first: is not read"
# A compiler that leaves a process behind, which keeps the pipe.
printf '#!/bin/sh\nsleep 60 > /dev/null 2>&1 &\necho $! > left\n%s\n' "$without_plugin" > other/gcc
is_read plain.c || fail "a process left: is not read"
kill "$(cat left)"
# The number of something else.
ALLOCSCC_SITE_VERDICT_PIPE=1:plain.c gcc -c plain.c -fplugin="$of_gcc" | cat > out
[ ! -s out ] || fail "wrote to standard output"

# What does not compile fails as before.
echo 'int f(int n) { return m; }' > wrong.c
! allocscc --allocs-cc=gcc -c wrong.c -o wrong.o 2> ours || fail "wrong.c compiles"
! gcc -c wrong.c -o wrong.o 2> theirs || fail "wrong.c compiles"
cmp ours theirs
[ -z "$(find . -name 'cc*')" ] || fail "left behind: $(find . -name 'cc*')"
