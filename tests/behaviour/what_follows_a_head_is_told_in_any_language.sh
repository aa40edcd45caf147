#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `sizeof(T) + n * sizeof(U)` tells T, then U[], in C and in C++, with both code generators.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct head { int n, m; };
struct entry { const char *name; long value; };
static void *volatile kept;
static void tell(const char *name, void *block) {
  struct alloc_info info;
  kept = block;
  alloc_query(block, 0, &info);
  printf("%s: %s %d\n", name, info.type ? UNIQTYPE_NAME(info.type) : alloc_error_message(info.type_error), info.type_grade);
}
static struct head *with_numbers(size_t n) { struct head *h = (struct head *)malloc(sizeof(struct head) + n * sizeof(double)); h->n = 1; return h; }
static struct head *with_entries(size_t n) {
  struct head *h = (struct head *)calloc(1, sizeof(struct head) + n * sizeof(struct entry));
  ((struct entry *)(h + 1))->value = 1;
  return h;
}
int main(int argc, char **argv) {
  (void)argv;
  tell("numbers", with_numbers(5 * (size_t)argc));
  tell("entries", with_entries(5 * (size_t)argc));
  tell("in place", malloc(sizeof(struct entry) + (size_t)argc * sizeof(struct head)));
  return 0;
}
END
cp a.c a.cc
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
for source in a.c a.cc; do
  for compiler in gcc clang-19; do
    for flags in -O0 -O2; do
      echo "$source $compiler $flags"
      case $source in
        *.cc) driver="allocsc++ --allocs-cc=$(echo $compiler | sed 's/gcc/g++/; s/clang/clang++/')" ;;
        *) driver="allocscc --allocs-cc=$compiler" ;;
      esac
      $driver $flags -I"$ALLOCS_PREFIX/include" $source "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
      preload ./a > out
      expect out << 'END'
numbers: __FLEX_head____ARR0_float$64 3
entries: __FLEX_head____ARR0_entry 3
in place: __FLEX_entry____ARR0_head 3
END
    done
  done
done
