#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program's operator new that cuts small objects off chunks asks for these on nobody's behalf: they are not of the type that was asked for first. What it asks for a caller is that caller's.
. "$(dirname "$0")/lib.sh"
cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
static char *left, *end;
static void *chunk() { left = static_cast<char *>(malloc(16384)); end = left + 16384; return left; }
void *operator new(std::size_t n) {
  if (n > 256) {
    void *p = malloc(n);
    if (p == nullptr) throw std::bad_alloc();
    return p;
  }
  n = (n + 15) & ~std::size_t{15};
  if (static_cast<std::size_t>(end - left) < n && chunk() == nullptr) throw std::bad_alloc();
  char *piece = left;
  left += n;
  return piece;
}
void operator delete(void *) noexcept {}
void operator delete(void *, std::size_t) noexcept {}
static void *volatile kept;
static void tell(const char *name, void *block) {
  kept = block;
  const char *type = UNIQTYPE_NAME(alloc_get_type(block));
  printf("%s: %s\n", name, strcmp(type, "__ARR0_int$64") == 0 ? "the caller's" : "another's");
}
int main(int argc, char **) {
  const auto n = static_cast<std::size_t>(argc);
  tell("piece", new long[2 * n]);
  tell("whole", new long[200 * n]);
}
END
command -v allocsc++ > /dev/null || skip "allocsc++ was not built"
export XDG_CACHE_HOME="$PWD/cache"
for compiler in $(command -v g++ || true) $(command -v clang++-19 || true); do
  for level in -O0 -O1 -O2; do
    echo "$compiler $level"
    allocsc++ --allocs-cc="$compiler" $level -rdynamic -I"$ALLOCS_PREFIX/include" a.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
piece: another's
whole: the caller's
END
  done
done
