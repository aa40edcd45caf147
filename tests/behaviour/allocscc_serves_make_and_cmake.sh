#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CC=allocscc with words behind it, one file compiled twice at once, CMake's probes, a cache in front and behind.
. "$(dirname "$0")/lib.sh"
require make cmake
unset CFLAGS CXXFLAGS LDFLAGS

echo 'int f(void) { return 7; }' > f.c
echo 'int f(void); int main(void) { return f(); }' > main.c
{
  echo 'all: one two'
  echo 'one: ; $(CC) -O2 -c f.c -o f.o'
  echo 'two: ; $(CC) -O2 -c f.c -o f.o'
} > Makefile
cat > CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer C CXX)
include(CheckFunctionExists)
check_function_exists(malloc HAVE_MALLOC)
if(NOT HAVE_MALLOC OR NOT CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "${CMAKE_C_COMPILER_ID} ${HAVE_MALLOC}")
endif()
add_library(f SHARED f.c)
add_executable(p main.c)
target_link_libraries(p f)
END
for compiler in gcc clang-19; do
  command -v $compiler > /dev/null || continue
  export ALLOCSCC_CC=$compiler
  for round in 1 2 3 4 5; do
    make -s -j2 CC="allocscc -m64" || fail "make -j2, round $round"
    allocscc main.c f.o -o p && expect_status 7 ./p
  done
  CC=allocscc CXX=allocsc++ cmake -B build.$compiler > cmake.log 2>&1 || fail "$(cat cmake.log)"
  cmake --build build.$compiler > build.log 2>&1 || fail "$(cat build.log)"
  expect_status 7 build.$compiler/p
  readelf -SW build.$compiler/libf.so | grep -q ' \.allocs ' || fail "no image in libf.so"
  command -v ccache > /dev/null || continue
  export CCACHE_DIR="$PWD/ccache.$compiler"
  for round in 1 2; do ccache allocscc -O2 -c f.c -o cached$round.o; done
  cmp cached1.o cached2.o || fail "the cache gives another object"
  ccache --print-stats | grep -q '^direct_cache_hit.1$' || fail "$(ccache --print-stats)"
  allocscc --allocs-cc="ccache $compiler" -O2 -c f.c -o behind.o || fail "a cache behind"
done
