#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mapping of a file that nothing is written back to grows as far as the file goes, and a file as far as the process may make one: what
# goes beyond is refused, and raises neither SIGBUS nor SIGXFSZ. Where the mapping has no room the file stays as it is.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#include <allocs/allocator.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
struct point { int x, y; };
static struct point origin;
static char *map(const char *name, size_t file_size, int how) {
  const int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (ftruncate(file, file_size) != 0) return NULL;
  char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, how, file, 0);
  close(file);
  return at;
}
static const char *grow(char *at, size_t size) {
  void *grown;
  const int error = alloc_resize(at, size, ALLOC_MAY_MOVE, &grown);
  if (error == ALLOC_OK) ((char *)grown)[size - 1] = 1;
  return alloc_error_message(error);
}
int main(void) {
  struct uniqtype *point = alloc_get_type(&origin);
  puts(grow(map("two", 8192, MAP_PRIVATE), 8192));
  puts(grow(map("three", 8193, MAP_PRIVATE), 12288));
  puts(grow(map("short", 100, MAP_PRIVATE), 8192));
  puts(grow(map("two", 8192, MAP_PRIVATE), 8193));
  char *area = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int file = open("between", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (ftruncate(file, 4000) != 0) return 1;
  void *between = mmap(area, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0), *grown;
  printf("%s: ", alloc_error_message(alloc_resize(between, 20000, 0, &grown)));
  struct stat status;
  fstat(file, &status);
  printf("%ld\n", (long)status.st_size);
  char *shared = map("shared", 4096, MAP_SHARED);
  const struct rlimit limit = {6000, 6000};
  setrlimit(RLIMIT_FSIZE, &limit);
  void *at;
  printf("%s\n", alloc_error_message(alloc_insert(shared + 100, 3000, ALLOC_MAY_MOVE, &at)));
  printf("%s\n", alloc_error_message(alloc_insert(shared + 100, 1000, ALLOC_MAY_MOVE, &at)));
  puts(grow(at, 8192));
  printf("%s\n", alloc_error_message(alloc_new(&__mmap_allocator, point, 3, &at)));
}
END
build a.c
ALLOCS_META=wait preload ./a > out || fail "exit status $?: $(cat out)"
expect out <<'END'
success
success
the kernel, the C library or the size of the file does not allow it
the kernel, the C library or the size of the file does not allow it
it cannot grow where it is, and was not allowed to move: 4000
the kernel, the C library or the size of the file does not allow it
success
the kernel, the C library or the size of the file does not allow it
the kernel, the C library or the size of the file does not allow it
END
