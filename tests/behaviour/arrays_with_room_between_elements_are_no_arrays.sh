#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What debug information calls an array has its elements one behind the other as an array type has, or it is told otherwise: clang's vectors of
# three have room behind the third, and what Ada packs is not told at all.
. "$(dirname "$0")/lib.sh"
made=0
if command -v clang-19 > path; then
  cat > vectors.c <<'END'
#include <allocs.h>
#include <stdio.h>
typedef float three __attribute__((ext_vector_type(3)));
typedef float four __attribute__((ext_vector_type(4)));
struct pair { three first; float second; } pair;
three many[4];
four wide[2];
static void show(const void *at) {
  char text[200];
  alloc_format_path(at, 0, text, sizeof text);
  printf("%s\n", text);
}
int main(void) {
  struct uniqtype *type = alloc_get_type(many);
  printf("%zu %zu\n", uniqtype_size(type), sizeof many);
  printf("%zu %zu\n", uniqtype_size(UNIQTYPE_ARRAY_ELEMENT_TYPE(type)), sizeof *many);
  show((float *)&many[1] + 1);
  show((float *)&many[2] + 2);
  show((float *)&wide[1] + 3);
  show((float *)&pair.first + 1);
  show(&pair.second);
}
END
  clang-19 -g -I"$ALLOCS_PREFIX/include" -o vectors vectors.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
  preload ./vectors > out
  expect out <<'END'
64 64
16 16
*many*\[1\].elements\[1\]*
*many*\[2\].elements\[2\]*
*wide*\[1\]\[3\]*
*pair*first.elements\[1\]*
*pair*second*
END
  made=1
fi
if command -v gnatmake > path; then
  cat > packed.adb <<'END'
procedure Packed is
   type Bits is array (0 .. 9) of Boolean;
   pragma Pack (Bits);
   type Three is mod 8;
   type Threes is array (0 .. 40) of Three;
   pragma Pack (Threes);
   type Whole is array (0 .. 9) of Boolean;
   B : Bits := (others => True);
   D : Threes := (others => 3);
   W : Whole := (others => True);
begin
   B (3) := False; D (2) := 1; W (1) := False;
end Packed;
END
  gnatmake -g packed.adb > gnat.log 2>&1 || fail "$(cat gnat.log)"
  XDG_CACHE_HOME=$PWD/cache allocs meta dump ./packed > dump
  expect_line dump ' *b <packed array> \[*'
  expect_line dump ' *d <packed array> \[*'
  expect_line dump ' *w boolean\[10\] \[*'
  made=1
fi
[ $made = 1 ] || skip "neither clang-19 nor gnat is installed"
