#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The site of `new` and strdup is in the function that says so, whoever defines operator new, at every optimisation.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#ifdef OWN
void *operator new(std::size_t n) {
  volatile std::size_t size = n;
  void *p = malloc(size);
  if (p == nullptr) abort();
  return p;
}
void *operator new[](std::size_t n) { return operator new(n); }
void operator delete(void *p) noexcept { free(p); }
void operator delete(void *p, std::size_t) noexcept { free(p); }
#endif
void tell(const char *name, const void *from, const void *p) {
  const long distance = (const char *)alloc_get_site(p) - (const char *)from;
  printf("%s %s\n", name, 0 < distance && distance < 100 ? "here" : "elsewhere");
}
#define MAKER(name, ...)                  \
  __attribute__((noinline)) void *name() { \
    void *p = __VA_ARGS__;                \
    asm volatile("" : "+r"(p));           \
    return p;                             \
  }
MAKER(one, new long)
MAKER(array, new long[3])
MAKER(nothrow, new (std::nothrow) long)
MAKER(text, strdup("text"))
int main() {
  for (int i = 0; i < 2; ++i) {
    tell("new", (void *)one, one());
    tell("array", (void *)array, array());
    tell("nothrow", (void *)nothrow, nothrow());
    tell("strdup", (void *)text, text());
  }
}
END
for flags in "-O0" "-O2" "-O2 -fno-omit-frame-pointer" "-O0 -DOWN -rdynamic" "-O2 -DOWN -rdynamic"; do
  build a.cc $flags
  ALLOCS_META=never preload ./a > out
  expect out << 'END'
new here
array here
nothrow here
strdup here
new here
array here
nothrow here
strdup here
END
done
