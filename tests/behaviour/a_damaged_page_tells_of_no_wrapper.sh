#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hooks look up wrappers in the image, too, and believe no page of it that was changed.
. "$(dirname "$0")/lib.sh"
require python3

cat > a.c << 'EOF'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
struct point { int x, y; } *kept;
__attribute__((noinline)) void *xmalloc(size_t n) {
  void *p = malloc(n);
  if (p == NULL) abort();
  return p;
}
__attribute__((noinline)) void one(void) { kept = xmalloc(sizeof *kept); kept->x = 1; }
int main(void) {
  Dl_info where;
  one();
  if (dladdr(alloc_get_site(kept), &where) == 0) return 1;
  puts(where.dli_sname);
}
EOF
for i in $(seq 200); do echo "struct number_$i { long a[$i]; char text[$i]; } variable_$i;"; done >> a.c
build a.c -D_GNU_SOURCE -rdynamic -ldl
export XDG_CACHE_HOME=$PWD/cache ALLOCS_META=never
image=$(allocs meta build ./a)
preload ./a > out
expect out << 'EOF'
one
EOF
# One bit in every page but the first, which has the header and the sums.
cat > damage.py << 'EOF'
import sys
image = bytearray(open(sys.argv[1], "rb").read())
assert len(image) > 2 * 4096
for page in range(4096, len(image), 4096):
    image[min(page + 4095, len(image) - 1)] ^= 1
open("damaged", "wb").write(image)
EOF
python3 damage.py "$image"
mv -f damaged "$image"
preload ./a > out
expect out << 'EOF'
xmalloc
EOF
