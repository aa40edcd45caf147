#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mapped file grows and shrinks in the middle; what cannot be edited is refused, and stays as it was.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/allocator.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *map(const char *path, int prot, int flags) {
  int fd = open(path, prot & PROT_WRITE && flags & MAP_SHARED ? O_RDWR : O_RDONLY);
  struct stat status;
  fstat(fd, &status);
  char *at = mmap(NULL, (size_t)status.st_size, prot, flags, fd, 0);
  close(fd);
  return at;
}
int main(void) {
  char *text = map("text", PROT_READ | PROT_WRITE, MAP_SHARED);
  void *at;
  printf("%d", alloc_insert(text + 6, 5, 0, &at));
  memcpy(at, "cruel", 5);
  printf(" %ld\n", (long)((char *)at - text));
  alloc_insert(text + 11, 1, 0, &at);
  *(char *)at = ' ';
  printf("%d", alloc_remove(text, 6, 0, &at));
  printf(" %ld\n", (long)((char *)at - text));
  printf("%d %d %d\n", alloc_insert(text + 300, 1, 0, &at), alloc_remove(text, 3000, 0, &at), alloc_insert(text, 1, 0, NULL));
  struct stat status;
  stat("text", &status);
  alloc_insert(text + status.st_size, 4, 0, &at);
  memcpy(at, "end\n", 4);

  /* Over the end of the page: the mapping grows, and may move. */
  char *big = map("big", PROT_READ | PROT_WRITE, MAP_SHARED);
  mmap(big + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  printf("%d", alloc_insert(big + 10, 5000, 0, &at));
  stat("big", &status);
  printf(" %ld\n", (long)status.st_size);
  printf("%d", alloc_insert(big + 10, 5000, ALLOC_MAY_MOVE, &at));
  big = (char *)at - 10;
  stat("big", &status);
  printf(" %ld %c%c %d %zu\n", (long)status.st_size, big[9], big[5010], big[10], alloc_get_size(big));
  printf("%d", alloc_remove(big + 10, 5000, 0, &at));
  stat("big", &status);
  printf(" %ld %c%c %zu\n", (long)status.st_size, big[9], big[10], alloc_get_size(big));
  printf("%d", alloc_resize(big, 100, 0, &at));
  stat("big", &status);
  printf(" %ld\n", (long)status.st_size);

  int local;
  char *private = map("text", PROT_READ | PROT_WRITE, MAP_PRIVATE), *readable = map("text", PROT_READ, MAP_SHARED);
  printf("%d %d", alloc_insert(private, 1, 0, &at), alloc_insert(readable, 1, 0, &at));
  printf(" %d %d", alloc_remove(private, 1, 0, &at), alloc_remove(readable, 1, 0, &at));
  printf(" %d %d", alloc_insert(&local, 1, 0, &at), alloc_insert((char *)"x", 1, 0, &at));
  char *anonymous = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf(" %d\n", alloc_insert(anonymous, 1, 0, &at));
  printf("%s; %s\n", alloc_error_message(ALLOC_E_PRIVATE), alloc_error_message(ALLOC_E_READ_ONLY));
  unlink("big");
  printf("%d\n", alloc_insert(big, 1, 0, &at));
  return 0;
}
EOF
build a.c -Wall -Werror -D_GNU_SOURCE
printf 'hello world\n' > text
head -c 4000 /dev/zero | tr '\0' 'a' > big
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 6
0 0
-12 -12 -12
-21 4000
0 9000 aa 0 12288
0 4000 aa 4096
0 100
-32 -33 -32 -33 -17 -15 -14
the file is mapped privately: what is written there does not reach it; the mapping does not allow writing
-24
EOF
expect text <<'EOF'
cruel world
end
EOF
