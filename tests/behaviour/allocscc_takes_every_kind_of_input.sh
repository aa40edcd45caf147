#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Assembler, preprocessed sources, C++ by suffix and by name, headers to precompile, bytes for link-time optimisation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"
require objcopy

mkdir src
echo 'int f(void) { return 7; }' > src/f.c
cc -S src/f.c -o src/f.s && cp src/f.s src/F.S && cc -E src/f.c -o src/f.i
echo 'extern "C" int f(); int main() { return f(); }' > src/main.cc
c++ -E src/main.cc -o src/main.ii
echo 'static inline int h(void) { return 9; }' > src/h.h
echo "int main(void) { return h(); }" > src/uses_h.c

check() {
  same -c f.s && same -c F.S && same -O2 -c f.i && same_code f.o
  same -O2 -c main.cc main.ii && same -x c++ -c f.c -o f.o
  same -c -O2 f.s f.i F.S -Wall
  same h.h && same -x c-header h.h -o h.h.gch
  # shellcheck disable=SC2086
  (cd src && $wrapped -x c-header h.h -o h.h.gch &&
    $wrapped -Winvalid-pch -include h.h uses_h.c -o p && expect_status 9 ./p && rm h.h.gch p)
  same -O2 -flto -c f.c
  bare=$cxx wrapped="allocsc++ --allocs-cc=$cxx"
  same main.cc f.s -o p && expect_status 7 wrapped/p
  same -O2 -flto main.cc F.S -o p && expect_status 7 wrapped/p
  readelf -SW wrapped/p | grep -q ' \.allocs ' || fail "no image after link-time optimisation"
}
for_each_compiler check
