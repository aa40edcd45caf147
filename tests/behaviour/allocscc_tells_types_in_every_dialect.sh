#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever standard is chosen, whether a header is precompiled or not, and with ccache in front, the blocks of a program have their types,
# with both code generators.
. "$(dirname "$0")/lib.sh"
need_plugin
require gcc g++

cat > shared.h << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
static void tell(const char *name, const void *block) {
  struct alloc_info info;
  alloc_query(block, 0, &info);
  printf("%s: %s\n", name, info.type ? uniqtype_name(info.type) : alloc_error_message(info.type_error));
}
static struct point *in_header(int n) { return (struct point *)malloc(n * sizeof(struct point)); }
END
cat > a.c << 'END'
#ifndef WITHOUT_INCLUDE
#include "shared.h"
#endif
int main(int argc, char **argv) {
  struct point *one = (struct point *)malloc(sizeof *one);
  void *many = malloc(sizeof(struct point) * (argc + 3));
  (void)argv;
  tell("one", one);
  tell("many", many);
  tell("in a header", in_header(argc + 1));
  return 0;
}
END
cp a.c a.cc
export XDG_CACHE_HOME="$PWD/empty" ALLOCS_META=never
include=-I$ALLOCS_PREFIX/include

is_typed() { # WHAT...: the program ./a
  preload ./a > out
  echo "$@"
  expect out << 'END'
one: point
many: __ARR0_point
in a header: __ARR0_point
END
  rm a
}

for compilers in "gcc g++" "clang-19 clang++-19"; do
  cc=${compilers% *} cxx=${compilers#* }
  case $cc in gcc) newest=c2x ;; *) newest=c23 ;; esac
  for standard in c89 gnu89 c99 c11 gnu17 $newest; do
    allocscc --allocs-cc="$cc" -std=$standard -O1 "$include" a.c -o a
    is_typed "$cc" -std=$standard
  done
  for standard in c++98 c++11 c++17 gnu++20 c++23; do
    allocsc++ --allocs-cc="$cxx" -std=$standard -O1 "$include" a.cc -o a
    is_typed "$cxx" -std=$standard
  done

  case $cc in
    gcc) header=shared.h.gch use="-include shared.h" ;;
    *) header=shared.pch use="-include-pch shared.pch" ;;
  esac
  allocscc --allocs-cc="$cc" -O1 "$include" -x c-header shared.h -o $header
  # shellcheck disable=SC2086 # two words
  allocscc --allocs-cc="$cc" -O1 "$include" -DWITHOUT_INCLUDE $use -Winvalid-pch -c a.c
  allocscc --allocs-cc="$cc" a.o -o a
  rm $header
  is_typed "$cc" with a precompiled header
done

command -v ccache > /dev/null || exit 0
export CCACHE_DIR="$PWD/ccache"
unset CCACHE_PREFIX CCACHE_DISABLE
for cc in gcc clang-19; do
  for round in first second; do
    rm -f a.o
    ALLOCSCC_CC=$cc ccache allocscc -O1 "$include" -c a.c -o a.o
    ALLOCSCC_CC=$cc ccache allocscc a.o -o a
    is_typed ccache in front of "$cc", $round round
    ALLOCSCC_CC="ccache $cc" allocscc -O1 "$include" a.c -o a
    is_typed ccache behind, before "$cc", $round round
  done
done
