#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Numbers of one size and different formats are types of their own, and one format is one type, whatever a language or a compiler calls it.
. "$(dirname "$0")/lib.sh"

cat > main.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
static const char *kNames[] = {"extended", "quad", "half", "brain", "complex_quad"};
enum { kCount = sizeof kNames / sizeof *kNames, kMost = 8 };
static struct uniqtype *types[kMost][kCount];
int main(int argc, char **argv) {
  for (int n = 1; n < argc; n++) {
    char name[64];
    snprintf(name, sizeof name, "./%s.so", argv[n]);
    void *library = dlopen(name, RTLD_NOW);
    if (library == NULL) return puts(dlerror()), 1;
    for (int i = 0; i < kCount; i++) {
      snprintf(name, sizeof name, "%s_%s", argv[n], kNames[i]);
      void *object = dlsym(library, name);
      types[n - 1][i] = object ? alloc_get_type(object) : NULL;
    }
  }
  for (int n = 1; n < argc; n++) {
    printf("%s:", argv[n]);
    for (int i = 0; i < kCount; i++) {
      struct uniqtype *type = types[n - 1][i];
      int same = 0;
      while (same < n - 1 && types[same][i] != type) same++;
      if (type != NULL) printf(" %s=%s%s", kNames[i], uniqtype_name(type), types[same][i] == type && same < n - 1 ? "*" : "");
    }
    puts("");
  }
  char text[64];
  uniqtype_describe(types[0][1], text, sizeof text);
  printf("%s, %d\n", text, uniqtype_by_name("binary128$128") == types[0][1]);
}
END
build main.c -ldl
cat > part.c << 'END'
#define NAME_(a, b) a##_##b
#define NAME(a, b) NAME_(a, b)
long double NAME(PART, extended);
__float128 NAME(PART, quad);
_Float16 NAME(PART, half);
#ifdef __clang__
__bf16 NAME(PART, brain);
#else
_Complex _Float128 NAME(PART, complex_quad);
#endif
END
$CC -g -fPIC -shared -DPART=gcc -o gcc.so part.c
expected="gcc: extended=float\$128 quad=binary128\$128 half=float\$16 complex_quad=complex_binary128\$256"
parts=gcc
if command -v clang-19 > clang; then
  clang-19 -g -fPIC -shared -DPART=clang -o clang.so part.c
  expected="$expected
clang: extended=float\$128\\* quad=binary128\$128\\* half=float\$16\\* brain=bfloat16\$16"
  parts="$parts clang"
fi
if command -v gfortran > fortran; then
  cat > part.f90 << 'END'
module numbers
  use iso_c_binding
  implicit none
  real(c_long_double), bind(c, name='fortran_extended') :: extended
  real(kind=16), bind(c, name='fortran_quad') :: quad
  complex(kind=16), bind(c, name='fortran_complex_quad') :: complex_quad
end module
END
  gfortran -g -fPIC -shared -o fortran.so part.f90
  expected="$expected
fortran: extended=float\$128\\* quad=binary128\$128\\* complex_quad=complex_binary128\$256\\*"
  parts="$parts fortran"
fi
# shellcheck disable=SC2086
preload ./main $parts > out
expect out << END
$expected
_Float128, 1
END
