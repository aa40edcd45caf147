#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Allocators in a library without debug information, and one in assembly, are not known until they are declared: by the original's
# variables, by a file that is named, beside the program, or of the user. What is malformed is told with its place.
. "$(dirname "$0")/lib.sh"

cat > pool.c << 'END'
#include <stdlib.h>
static int uses;
void *pool_get(void *pool, int flags, size_t size) {
  void *block = malloc(size);
  if (block == NULL || flags > uses++) abort();
  return block;
}
void *pool_array(size_t count, void *pool, size_t size) {
  void *block = calloc(count, size);
  uses++;
  return block;
}
int pool_store(void **to, size_t words) {
  *to = malloc(words * 8);
  return uses++;
}
void *pool_name(const char *text) {
  char *block = malloc(64);
  block[0] = text[uses++ & 0];
  return block;
}
END
cat > assembled.S << 'END'
        .globl assembled_get
        .type assembled_get, @function
assembled_get:
        .cfi_startproc
        subq $8, %rsp
        .cfi_def_cfa_offset 16
        movq %rsi, %rdi
        call malloc@PLT
        addq $8, %rsp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        .size assembled_get, . - assembled_get
        .section .note.GNU-stack, "", @progbits
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
struct list { struct list *next; long n[3]; };
void *pool_get(void *, int, size_t), *pool_array(size_t, void *, size_t), *assembled_get(void *, size_t);
int pool_store(void **, size_t);
void *pool_name(const char *);
struct point *point, *stored;
int main(int argc, char **argv) {
  point = pool_get(NULL, 0, sizeof(struct point));
  struct list *list = pool_array(argc + 2, NULL, sizeof *list), *one = assembled_get(NULL, sizeof *one);
  pool_store((void **)&stored, argc * (sizeof *stored / 8));
  void *name = pool_name(argv[0]);
  printf("%s %s %s %s %s\n", UNIQTYPE_NAME(alloc_get_type(point)), UNIQTYPE_NAME(alloc_get_type(list)),
         UNIQTYPE_NAME(alloc_get_type(one)), UNIQTYPE_NAME(alloc_get_type(stored)), UNIQTYPE_NAME(alloc_get_type(name)));
  return list->next != NULL;
}
END
all="pool_get(piZ)p pool_array(zpZ)p pool_store(OZ8)i assembled_get(pZ)p"
cat > declared << 'END'
alloc pool_get(piZ)p
alloc pool_array(NpZ)p
alloc pool_store(OZ8)i
alloc assembled_get(pZ)p
alloc pool_name(p)p = char[]
END
export XDG_CACHE_HOME="$PWD/cache" XDG_CONFIG_HOME="$PWD/config"
unknown="(no type) (no type) (no type) (no type) (no type)"
known="point __ARR0_list list __ARR0_point __ARR0_signed_char\$8"
answers() { # EXPECTED, and then the environment
  expected=$1
  shift
  env "$@" allocs run --quiet ./a > out
  [ "$(cat out)" = "$expected" ] || fail "with $*: $(cat out)"
}
for compiler in $(command -v gcc || true) $(command -v clang || true); do
  for level in -O0 -O2; do
    echo "$compiler $level"
    $compiler -O2 -g0 -fPIC -shared -Wl,-soname,libpool.so -o libpool.so pool.c assembled.S
    strip libpool.so
    CC=$compiler build a.c $level ./libpool.so "-Wl,-rpath,$PWD"
    answers "$unknown" A=b
    answers "${known% *} (no type)" "LIBALLOCS_ALLOC_FNS=$all"
    answers "$known" "ALLOCS_CONFIG=declared"
    answers "$unknown" A=b
    cp declared a.allocs
    answers "$known" A=b
    # The run time finds that out by itself.
    (cd / && XDG_CACHE_HOME="$OLDPWD/other" ALLOCS_META=wait preload "$OLDPWD/a") > out
    rm a.allocs
    mkdir -p config/allocs
    cp declared config/allocs/config
    answers "$known" A=b
    # What is nearer counts.
    answers "(no type) ${known#* }" "LIBALLOCS_ALLOC_FNS=pool_get(ppp)p"
    rm -r config
  done
done

printf 'alloc pool_get(piZ)p\nalloc pool_array(zpZ)q\n' > malformed
expect_status 1 env ALLOCS_CONFIG=malformed allocs meta build ./a 2> errors
expect errors << 'END'
*/malformed:2:22: expected the result, z, p or i, and then the end, not 'q'
END
expect_status 1 env ALLOCS_CONFIG=absent allocs meta build ./a 2> errors
expect errors << 'END'
*/absent: is no file that can be read; ALLOCS_CONFIG names it
END
expect_status 1 env "LIBALLOCS_SUBFREE_FNS=f(P)->g h(P)" allocs meta build ./a 2> errors
expect errors << 'END'
LIBALLOCS_SUBFREE_FNS:1:13: expected -> and the function that handed the piece out
END
# The run time does what it can.
ALLOCS_CONFIG=malformed ALLOCS_META=wait preload ./a > out
[ "$(cat out | wc -w)" -ge 5 ] || fail "with a malformed file: $(cat out)"
