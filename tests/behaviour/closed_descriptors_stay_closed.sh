#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With standard input, output and error closed, queries answer, and no descriptor is left open.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <fcntl.h>
#include <unistd.h>
static long global;
static int open_ones(void) {
  int count = 0;
  for (int fd = 0; fd < 1000; ++fd) count += fcntl(fd, F_GETFD) != -1;
  return count;
}
int main(int argc, char **argv) {
  if (argc == 1) return open_ones();
  const int before = open_ones();
  const int named = alloc_get_type(&global) != NULL && alloc_get_size(&global) == sizeof(global);
  return open_ones() != before ? 3 : before != atoi(argv[1]) ? 2 : !named;
}
END
build a.c
alone=0 status=0
./a <&- >&- 2>&- || alone=$?
XDG_CACHE_HOME=$PWD/empty preload ./a $alone <&- >&- 2>&- || status=$?
[ $status -eq 0 ] || fail "exit status $status (3: a descriptor was left open, 2: one was open at start, 1: no answer)"
