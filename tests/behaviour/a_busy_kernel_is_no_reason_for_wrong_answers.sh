#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# While a process has no free descriptor, or after a chroot no /proc, the kernel tells nothing of mappings: a live one is then not told as absent, and what could not be read is
# read as soon as that is possible again.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <allocs/walk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
struct pair { int a, b; };
static struct pair variable;
static char lines[4096];
static void say(const char *when, const char *what, const void *at) {
  struct alloc_info info;
  const int error = alloc_query(at, 0, &info);
  snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s %s: %d %s %s %s\n", when, what, error, info.allocator ? info.allocator->name : "-",
           info.name ? info.name : "-", info.type ? uniqtype_name(info.type) : "-");
}
static int count(const struct alloc_step *step, void *context) { (void)step; ++*(int *)context; return 0; }
int main(int argc, char **argv) {
  char *mapped = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mmap(mapped + 8192, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  struct pair *block = malloc(3 * sizeof *block);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
  if (argc > 1) {
    if (chroot(argv[1]) != 0) return 77;
  } else {
    while (dup(1) >= 0) continue;
  }
  say("then", "mapping", mapped + 100);
  say("then", "block", block);
  int steps = 0;
  const int walked = alloc_walk_tree(NULL, 0, count, &steps);
  for (int fd = 3; fd < 64; ++fd) close(fd);
  if (argc > 1) return fputs(lines, stdout), printf("walked: %d\n", walked), 0;
  say("now", "mapping", mapped + 100);
  say("now", "variable", &variable);
  say("now", "block", block);
  return fputs(lines, stdout), printf("walked: %d\n", walked), 0;
}
END
build a.c -O1
preload ./a > unused # its image is in the cache from here on
preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
then mapping: -3 - - -
then block: 0 __default_lib_malloc - -
now mapping: 0 mmap - -
now variable: 0 static variable pair
now block: 0 __default_lib_malloc - __ARR0_pair
walked: -3
END

# Without /proc. Only root may change the root.
[ "$(id -u)" = 0 ] || exit 0
mkdir nothing
preload ./a nothing > out || fail "exit status $?: $(cat out)"
expect out << 'END'
then mapping: -3 - - -
then block: 0 __default_lib_malloc - -
walked: -3
END
