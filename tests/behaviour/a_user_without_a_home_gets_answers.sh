#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An ordinary user with no HOME, no cache directory and nothing writable gets true answers.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
require setpriv

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
long global;
int main(void) {
  int *p = malloc(12);
  printf("%s %zu %zu ", alloc_get_allocator(&global)->name, alloc_get_size(&global), alloc_get_size(p));
  puts(uniqtype_name(alloc_get_type(&global)));
}
END
build a.c
chmod 755 .
setpriv --reuid=65534 --clear-groups test -r "$ALLOCS_PREFIX/lib/liballocs.so" || skip "the build tree is private"
env -i LD_PRELOAD="$PRELOAD" setpriv --reuid=65534 --clear-groups ./a > out || fail "exit status $?"
expect out << 'END'
static 8 12 *
END
grep -q 'int$64$\|(no type)$' out || fail "wrong type: $(cat out)"
