#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ALLOCS_STATS=1 writes what was asked and how it ended to a file of one's choice at exit; without it there is no file.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
int main(int argc, char **argv) {
  struct alloc_info info;
  int *block = malloc(40);
  for (int i = 0; i < 5; ++i) alloc_get_type(block), alloc_get_size(&block);
  alloc_query((void *)8, 0, &info);
  alloc_query(argv, ALLOC_NOWAIT, &info);
  return argc;
}
END
build a.c
expect_status 1 preload ./a
expect_status 1 env ALLOCS_STATS=0 LD_PRELOAD="$PRELOAD" ./a
[ "$(ls)" = "$(printf 'a\na.c')" ] || fail "files were left: $(ls)"
expect_status 1 env ALLOCS_STATS=1 LD_PRELOAD="$PRELOAD" ./a > out 2>&1
[ ! -s out ] || fail "something was printed: $(cat out)"
mv allocs-stats.[0-9]* default
expect_status 1 env ALLOCS_STATS=1 ALLOCS_STATS_FILE="$PWD/of %p" LD_PRELOAD="$PRELOAD" ./a
grep -v '^own_\|^sites\|_seen\|heap_regions' "of "[0-9]* > kept
expect kept << 'END'
asked.size 5
asked.type 5
asked.query 1
asked.query_nowait 1
answered_by.(none) 1
answered_by.auxv 1
answered_by.stackframe 5
answered_by.__default_lib_malloc 5
outcome.known 11
outcome.nothing_there 1
type_outcome.known 5
type_outcome.not_yet 1
END
expect_line default 'sites [1-9]*'
expect_status 1 env ALLOCS_STATS=1 ALLOCS_STATS_FILE=/nonexistent/file LD_PRELOAD="$PRELOAD" ./a
