#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks that are made in parallel regions, loops and tasks of OpenMP have their types, in C and C++, with gcc's code and, where there is
# a library to link it to, with clang's.
. "$(dirname "$0")/lib.sh"
need_plugin

cat > region.h <<'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
struct edge { struct point from, to; };
struct node { struct node *next; };
static void *blocks[64];
extern struct all { struct point a; struct edge b; struct node c; } used;
struct all used; /* gcc describes no type that nothing else has */
static void tell(const char *name, const void *block) {
  struct alloc_info info;
  alloc_query(block, 0, &info);
  printf("%s: %s\n", name, info.type ? uniqtype_name(info.type) : alloc_error_message(info.type_error));
}
END
cat > region.c <<'END'
#include "region.h"
int main(int argc, char **argv) {
  (void)argv;
  void *before = malloc(sizeof(struct point));
#pragma omp parallel for
  for (int i = 0; i < 64; ++i) blocks[i] = malloc(sizeof(struct edge));
  tell("loop", blocks[7]);
#pragma omp parallel num_threads(2)
  {
#pragma omp single
    {
      blocks[0] = calloc((size_t)argc + 2, sizeof(struct node));
#pragma omp task
      blocks[1] = malloc(sizeof(struct point) * 3);
    }
  }
  tell("single", blocks[0]);
  tell("task", blocks[1]);
  tell("before", before);
  return 0;
}
END
sed 's/^int main/namespace n { struct maker { template <typename T> void make(); }; template <typename T> void maker::make() {\
_Pragma("omp parallel for")\
  for (int i = 0; i < 64; ++i) blocks[i] = new T[3];\
  tell("template", blocks[9]);\
} }\
int main/; s/^  return 0/  n::maker().make<edge>();\
  return 0/' region.c > region.cc

export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
check() { # WRAPPER COMPILER SOURCE FLAGS
  # shellcheck disable=SC2086 # the flags are a list
  "$1" --allocs-cc="$2" $4 -fopenmp -I"$ALLOCS_PREFIX/include" -o region "$3" || fail "$*"
  preload ./region > out
  echo "$*"
  {
    cat << 'END'
loop: edge
single: __ARR0_node
task: __ARR0_point
before: point
END
    case $3 in *.cc) echo "template: __ARR0_edge" ;; esac
  } | expect out
}

echo 'int main(void) { return 0; }' > empty.c
for flags in "-O0" "-O2" "-O3 -fno-inline"; do
  check allocscc gcc region.c "$flags"
  check allocsc++ g++ region.cc "$flags"
  if clang-19 -fopenmp empty.c -o empty-program 2> /dev/null && ./empty-program; then
    check allocscc clang-19 region.c "$flags"
    check allocsc++ clang++-19 region.cc "$flags"
  fi
done
