#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where dpkg-buildpackage is at work clang writes DWARF 4, unless it is told another version: Debian 12's dwz, with which such builds end, does not read its 5.
. "$(dirname "$0")/lib.sh"
need_plugin
require readelf strip

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
int main(void) {
  struct point *p = malloc(sizeof *p);
  puts(UNIQTYPE_NAME(alloc_get_type(p)));
  free(p);
}
END
versions() { # the versions of DWARF in a.o
  readelf --debug-dump=info a.o 2> /dev/null | sed -n 's/^ *Version: *//p' | sort -u
}
compile() { ALLOCSCC_CC=clang-19 "$@" allocscc -O2 -I"$ALLOCS_PREFIX/include" -c a.c -o a.o; }
compile env -u DEB_HOST_ARCH
[ "$(versions)" = 5 ] || fail "by itself clang writes DWARF $(versions)"
compile env DEB_HOST_ARCH=amd64
[ "$(versions)" = 4 ] || fail "in a package build clang writes DWARF $(versions)"
ALLOCSCC_CC=clang-19 DEB_HOST_ARCH=amd64 allocscc a.o -o a
if command -v dwz > /dev/null; then
  dwz a || fail "dwz does not read it"
fi
strip a
ALLOCS_META=never XDG_CACHE_HOME="$PWD/empty" preload ./a > out
expect out << 'END'
point
END
ALLOCSCC_CC=clang-19 DEB_HOST_ARCH=amd64 allocscc -gdwarf-5 -I"$ALLOCS_PREFIX/include" -c a.c -o a.o
[ "$(versions)" = 5 ] || fail "told to write DWARF 5 it writes $(versions)"
