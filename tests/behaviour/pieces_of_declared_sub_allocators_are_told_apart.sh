#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Functions that hand out pieces of a larger block are declared in the original's variables while allocscc compiles: one of the file alone,
# inlined if the compiler had its way, one that is called through a pointer, and one in another file that is told no size. Their pieces are
# allocations of their own, in a block, in a mapping and in a variable, until they are taken back or the pool goes.
. "$(dirname "$0")/lib.sh"

cat > pool.h << 'END'
#include <allocs/allocator.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
struct point { double x, y; };
struct list { struct list *next; long n[4]; };
struct cell { int car, cdr; };
struct cell *cell_new(void);
void cell_drop(int why, struct cell *cell);
static const char *type_of(const void *at) { return UNIQTYPE_NAME(alloc_get_type(at)); }
static const char *name_in(const struct alloc_info *info) { return info->allocator == NULL ? "none" : info->allocator->name; }
static void tell(const char *what, const void *at) {
  struct alloc_info info, parent;
  const char *name = "none";
  if (alloc_query(at, 0, &info) == 0 && alloc_get_parent(&info, 0, &parent) == 0) name = name_in(&parent);
  printf("%s: %s %ld %zu %s in %s\n", what, name_in(&info),
         (long)((const char *)at - (const char *)info.base), info.size, type_of(at), name);
}
END
cat > cells.c << 'END'
#include "pool.h"
static struct cell cells[64], *free_cells;
static int used;
struct cell *cell_new(void) {
  struct cell *cell = free_cells;
  if (cell == NULL) return used == 64 ? NULL : &cells[used++];
  free_cells = *(struct cell **)cell;
  return cell;
}
void cell_drop(int why, struct cell *cell) {
  *(struct cell **)cell = free_cells;
  free_cells = why ? cell : NULL;
}
END
cat > a.c << 'END'
#include "pool.h"
enum { kPool = 1 << 16 };
static char *pool, *at, *free_slices;
static void use(void *memory) { pool = at = memory, free_slices = NULL; }
static void *slice_alloc(size_t size) {
  char *slice = free_slices;
  if (slice != NULL && size <= 48) { free_slices = *(char **)slice; return slice; }
  size = (size + 15) & ~(size_t)15;
  if (size < 48) size = 48;
  slice = at, at += size;
  return at > pool + kPool ? NULL : slice;
}
/* The outermost that is declared counts, and its caller. */
static void *slice_zeroed(size_t size) {
  void *slice = slice_alloc(size);
  for (size_t i = 0; i < size; ++i) ((volatile char *)slice)[i] = 0;
  return slice;
}
static void slice_free(size_t size, void *slice) {
  if (size <= 48) *(char **)slice = free_slices, free_slices = slice;
}
void *(*volatile through)(size_t) = slice_alloc;
struct point *point;
struct list *list;
struct cell *cell;
char *text;
void *volatile kept;
static char big[4 * kPool];
static void children_of(const void *memory) {
  struct alloc_info info, child;
  struct alloc_cursor cursor;
  alloc_query((const char *)memory + kPool - 1, 0, &info);
  for (alloc_begin_children(&info, 0, &cursor); alloc_next_child(&cursor, &child) == 1;)
    printf(" %s at %ld", name_in(&child), (long)((const char *)child.base - (const char *)memory));
  printf(" of %s\n", name_in(&info));
}
static void hand_out(void) {
  point = slice_alloc(sizeof *point);
  list = through(3 * sizeof *list);
  text = slice_alloc(3000);
  struct list *second = slice_alloc(sizeof *list);
  tell("point", point), tell("y", &point->y), tell("list", &list[2].n[1]), tell("text", text + 2999);
  tell("second", second);
  slice_free(sizeof *second, second);
  tell("taken back", second);
}
/* Between pages that may not be touched, or the kernel makes one mapping of it and of a neighbour. */
static void *map(void) {
  char *guard = mmap(NULL, kPool + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mmap(guard + 4096, kPool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
int main(int argc, char **argv) {
  char *block = malloc(kPool);
  use(block), hand_out();
  children_of(block);
  struct alloc_info info;
  struct alloc_traits traits;
  alloc_query(list, ALLOC_NOWAIT, &info);
  alloc_get_traits(&info, &traits);
  printf("nowait %s, ends %d, site in main's file: %d\n", name_in(&info), traits.lifetime == ALLOC_LIFE_FREED, alloc_get_site(list) != NULL);
  free(block);
  tell("after free", point);
  char *again = malloc(kPool);
  printf("again %d\n", again == block);
  tell("block anew", again);
  tell("inside it", again + 48);
  use(again), point = slice_alloc(sizeof *point);
  tell("a pool again", point);
  free(again);
  for (int i = 0; i < 200; ++i) kept = malloc(200);
  tell("small blocks", block + 216);

  char *mapping = map();
  use(mapping), hand_out();
  munmap(mapping, kPool);
  char *anew = mmap(mapping, kPool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("mapped %d %d\n", anew == mapping, alloc_get_allocator(anew + 5) == &__mmap_allocator);
  /* The kernel takes and gives whole pages. */
  use(anew), kept = slice_alloc(48), point = slice_alloc(sizeof *point);
  munmap(anew, 8);
  mmap(anew, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("a page anew %d\n", alloc_get_allocator(point) == &__mmap_allocator);

  use(big + kPool), hand_out();
  point = slice_zeroed(sizeof *point);
  tell("zeroed", point);
  cell = cell_new();
  tell("cell", &cell->cdr);
  cell_drop(argc, cell);
  tell("dropped", cell);
  char local[kPool];
  use(local);
  point = slice_alloc(sizeof *point);
  printf("local %s %d\n", alloc_get_allocator(point)->name, argv == NULL);
  return 0;
}
END
cat > expected << 'END'
point: slice_alloc 0 16 point in HOST
y: slice_alloc 8 16 point in HOST
list: slice_alloc 96 120 __ARR0_list in HOST
text: slice_alloc 2999 3000 __ARR0_signed_char$8 in HOST
second: slice_alloc 0 40 list in HOST
END
hosted() { # NAME   what hand_out prints
  sed "s/HOST/$1/" expected
}
export XDG_CACHE_HOME="$PWD/cache"
export LIBALLOCS_SUBALLOC_FNS="a.o::slice_alloc(Z)p slice_zeroed(Z)p cell_new()p" LIBALLOCS_SUBFREE_FNS="slice_free(zP)->slice_alloc cell_drop(iP)->cell_new"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  case $compiler in
    *clang*) [ -e "$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so" ] || continue ;;
    *) [ -e "$ALLOCS_PREFIX/lib/allocs/gcc-$(gcc -dumpversion)/allocs.so" ] || continue ;;
  esac
  for level in -O0 -O2; do
    echo "$compiler $level"
    ALLOCSCC_CC="$compiler" allocscc $level -Wno-unused-result -I"$ALLOCS_PREFIX/include" -o a a.c cells.c 2> errors || fail "$(cat errors)"
    expect errors << 'END'
allocscc: LIBALLOCS_SUBALLOC_FNS:1:1: slice_alloc: the object file is not looked at: *
END
    ./a > alone || fail "without the run time: exit status $?"
    preload ./a > out || fail "exit status $?"
    {
      hosted __default_lib_malloc
      cat << 'END'
taken back: __default_lib_malloc 3184 65536 * in brk
 slice_alloc at 0 slice_alloc at 48 slice_alloc at 176 of __default_lib_malloc
nowait slice_alloc, ends 1, site in main's file: 1
after free: brk * (no type) in mmap
again 1
block anew: __default_lib_malloc 0 65536 * in brk
inside it: __default_lib_malloc 48 65536 * in brk
a pool again: slice_alloc 0 16 point in __default_lib_malloc
small blocks: __default_lib_malloc 8 200 (no type) in brk
END
      hosted mmap
      cat << 'END'
taken back: mmap 3184 65536 (no type) in none
mapped 1 1
a page anew 1
END
      hosted static
      cat << 'END'
taken back: static 68720 262144 __ARR262144_signed_char$8 in static-section
zeroed: slice_zeroed 0 16 point in static
cell: cell_new 4 8 cell in static
dropped: static 0 512 __ARR64_cell in static-section
local stackframe 0
END
    } > expected.out
    expect out < expected.out
  done
done
