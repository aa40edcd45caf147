#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What users declare is read when it is needed first. It holds although the program has been deleted by then, has changed its environment and its
# directory, or had no descriptor left when it was read the first time.
. "$(dirname "$0")/lib.sh"

cat > pool.c << 'END'
#include <stdlib.h>
static int uses;
void *pool_get(int kind, size_t size) {
  void *block = malloc(size);
  if (block == NULL || kind > uses++) abort();
  return block;
}
END
cat > a.c << 'END'
#include <allocs.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
struct point { double x, y; };
void *pool_get(int kind, size_t size);
struct point *made;
static __attribute__((noinline)) const char *type_of_one(void) {
  made = pool_get(0, sizeof(struct point));
  const char *name = uniqtype_name(alloc_get_type(made));
  return name == NULL ? "nothing" : name;
}
int main(int count, char **arguments) {
  (void)count;
  enum { most = 32 };
  int taken[most], number = 0;
  if (strcmp(arguments[1], "deleted") == 0 && unlink(arguments[0]) != 0) return 1;
  if (strcmp(arguments[1], "moved") == 0 &&
      (setenv("HOME", "/nowhere", 1) != 0 || setenv("XDG_CACHE_HOME", "/nowhere", 1) != 0 || chdir("/") != 0))
    return 1;
  if (strcmp(arguments[1], "full") == 0) {
    const struct rlimit limit = {most, most};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    while (number < most && (taken[number] = open("/dev/null", O_RDONLY)) >= 0) ++number;
    type_of_one();
    while (number > 0) close(taken[--number]);
    alloc_get_type(made);  // what is not known when a block is made is known from the first question on
  }
  printf("%s\n", type_of_one());
  return 0;
}
END
$CC -g -O1 -fPIC -shared -o libpool.so pool.c
build a.c -O1 ./libpool.so
echo 'alloc pool_get(iZ)p' > declared
for where in beside named; do
  for what in nothing moved full deleted; do
    cp a b
    rm -f b.allocs
    unset ALLOCS_CONFIG
    case $where in
      beside) cp declared b.allocs ;;
      named) export ALLOCS_CONFIG=declared ;;
    esac
    # Metadata is made before, so that nothing but what is read at the first question decides.
    preload ./b nothing > first || fail "$where, first: exit status $?"
    preload ./b "$what" > out || fail "$where, $what: exit status $?"
    [ "$(cat out)" = point ] || fail "$where, $what: $(cat out)"
  done
done
