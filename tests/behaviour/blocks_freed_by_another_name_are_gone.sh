#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is allocated, resized or freed by a foreign malloc's own names (sdallocx, mi_free, tc_free_sized) is in the index as long as
# it lives, and who looks for such a name finds only what is there.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
__attribute__((weak)) void sdallocx(void *, size_t, int), *mallocx(size_t, int), *rallocx(void *, size_t, int);
__attribute__((weak)) void mi_free(void *), *mi_calloc(size_t, size_t), *mi_realloc(void *, size_t);
__attribute__((weak)) void tc_free_sized(void *, size_t), *tc_malloc(size_t), *tc_realloc(void *, size_t);
static void (*volatile in_a_table)(void *) = mi_free;
static void tell(const char *what, void *block) {
  struct alloc_info info;
  const int error = alloc_query(block, 0, &info);
  printf("%s %zu\n", what, error == 0 && info.base == block ? info.size : 0);
}
#define TRY(allocate, resize, release)            \
  {                                               \
    void *blocks[2] = {malloc(40), allocate};     \
    tell("malloc", blocks[0]);                    \
    tell("allocated", blocks[1]);                 \
    for (int i = 0; i < 2; ++i) {                 \
      void *block = blocks[i], *other = malloc(1); \
      block = resize;                             \
      tell("resized", block);                     \
      release;                                    \
      tell("freed", block);                       \
      free(other);                                \
    }                                             \
  }
int main(void) {
  printf("%d %d %d\n", sdallocx != NULL, mi_free != NULL, tc_free_sized != NULL);
  if (mallocx) TRY(mallocx(50, 0), rallocx(block, 3000, 0), sdallocx(block, 3000, 0))
  if (mi_calloc) TRY(mi_calloc(5, 10), mi_realloc(block, 3000), (i ? mi_free : in_a_table)(block))
  if (tc_malloc) TRY(tc_malloc(50), tc_realloc(block, 3000), tc_free_sized(block, 3000))
  return 0;
}
END
tried=
for library in jemalloc:2 mimalloc:2 tcmalloc_minimal:4; do
  file=$(ldconfig -p | sed -n "s/.*lib${library%:*}\.so\.${library#*:} .*=> //p" | head -n 1)
  [ -n "$file" ] || continue
  for flags in -O0 "-O2 -Wl,-z,now" "-O2 -Wl,-z,lazy -no-pie"; do
    echo "$file $flags"
    build a.c $flags -Wl,--no-as-needed "$file"
    preload ./a > out
    expect out << 'END'
[01] [01] [01]
malloc 40
allocated 50
resized 3000
freed 0
resized 3000
freed 0
END
  done
  tried=yes
done
build a.c
preload ./a > out
expect out << 'END'
0 0 0
END
[ -n "$tried" ] || skip "no other malloc is installed"
