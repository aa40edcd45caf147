#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a source has clang take for an error is a warning of clang's, which gcc does not have: beside gcc the unit has its site list all the same.
. "$(dirname "$0")/lib.sh"
need_plugin
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"

cat > strict.c << 'END'
#include <stdlib.h>
#pragma clang diagnostic error "-Wself-assign"
#pragma clang diagnostic error "-Wuninitialized"
int *make(int n) {
  int unknown;
  n = n;
  return n > unknown ? malloc(3 * sizeof(int)) : 0;
}
END
ALLOCSCC_MEMO=never "$lister" list clang-19 -fsyntax-only -x c strict.c || fail "there is no list"
tr '\t' ' ' < list | grep -q '^site make .* malloc saa int.32 4 .* 12$' || fail "the list is: $(cat list)"
