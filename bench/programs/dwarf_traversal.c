// SPDX-License-Identifier: Apache-2.0
// usage: dwarf_traversal DEBUG_FILE     Visits every debugging entry with libdw and does nothing: the least that a reader built
// on libdw costs. Prints the number of entries.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>

static long visit(Dwarf_Die* entry) {
  long count = 0;
  do {
    count++;
    Dwarf_Die child;
    if (dwarf_child(entry, &child) == 0) count += visit(&child);
  } while (dwarf_siblingof(entry, entry) == 0);
  return count;
}

int main(int argc, char** argv) {
  const int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  Dwarf* const dwarf = file < 0 ? NULL : dwarf_begin(file, DWARF_C_READ);
  if (dwarf == NULL) return 2;
  long count = 0;
  Dwarf_CU* unit = NULL;
  Dwarf_Die entry;
  Dwarf_Half version;
  while (dwarf_get_units(dwarf, unit, &unit, &version, NULL, &entry, NULL) == 0)
    count += visit(&entry);
  printf("%ld\n", count);
  return 0;
}
