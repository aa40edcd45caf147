#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is declared in the original's variables while allocscc compiles goes into the program: it needs no variable when it runs. The source
# alone shows not that store_put allocates, nor how much room there is.
. "$(dirname "$0")/lib.sh"

cat > store.c << 'END'
#include <stdlib.h>
struct store { void *block; } the_store;
void *store_get(struct store *store, size_t size) {
  struct store *block = malloc(size);
  if (block != NULL) block->block = NULL;
  store->block = block;
  return block;
}
int store_put(void **to, size_t size) { *to = malloc(size); return *to == NULL; }
size_t with_room(size_t size) { return size + 32; }
END
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
struct list { struct list *next; long n[3]; };
struct point *a_point; struct list *a_list; /* gcc describes no type that nothing has */
extern struct store the_store;
void *store_get(struct store *, size_t);
int store_put(void **, size_t);
size_t with_room(size_t);
int main(int argc, char **argv) {
  void *point = store_get(&the_store, argc * sizeof(struct point));
  void *list, *roomy = malloc(with_room(sizeof(struct list)));
  store_put(&list, sizeof(struct list));
  printf("%s %s %s\n", UNIQTYPE_NAME(alloc_get_type(point)), UNIQTYPE_NAME(alloc_get_type(list)), UNIQTYPE_NAME(alloc_get_type(roomy)));
  return argv == NULL;
}
END
export XDG_CACHE_HOME="$PWD/cache"
declared="LIBALLOCS_ALLOC_FNS=store_get(pZ)p store_put(OZ)i"
made() { # LEVEL, and then the environment
  level=$1
  shift
  rm -f a
  env "$@" ALLOCSCC_CC="$compiler" allocscc $level -g -I"$ALLOCS_PREFIX/include" -o a a.c store.c 2> errors || fail "$(cat errors)"
  preload ./a > out
}
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  case $compiler in
    *clang*) [ -e "$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so" ] || continue ;;
    *) [ -e "$ALLOCS_PREFIX/lib/allocs/allocs-list-sites" ] || continue ;;
  esac
  for level in -O0 -O2; do
    echo "$compiler $level"
    made $level A=b
    case $(cat out) in
      *" list"*) fail "known undeclared, so the test shows nothing: $(cat out)" ;;
    esac
    made $level "$declared" "LIBALLOCS_ALLOCSZ_FNS=with_room(Z)z" "LIBALLOCS_SUBALLOC_FNS=piece(zZ)p" "LIBALLOCS_FREE_FNS=drop(P)"
    [ "$(cat out)" = "__ARR0_point list list" ] || fail "declared: $(cat out)"
    expect errors << 'END'
allocscc: LIBALLOCS_SUBALLOC_FNS:1:1: piece: its pieces are not told apart, since a z in front of the size may be a number: *
END
  done
done
expect_status 2 env "LIBALLOCS_ALLOC_FNS=good(Z)p bad(Z" allocscc -c store.c 2> errors
expect errors << 'END'
allocscc: LIBALLOCS_ALLOC_FNS:1:15: expected ) after the parameters
END
[ ! -e store.o ] || fail "something was compiled"
