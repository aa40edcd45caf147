#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs, moves the result, and builds one program against it by pkg-config and by find_package.
. "$(dirname "$0")/../behaviour/lib.sh"
require cmake pkg-config
[ -e "$ALLOCS_PREFIX/lib/liballocs.so" ] || skip "liballocs.so is not built"

cmake --install "$ALLOCS_PREFIX" --prefix "$PWD/first" > install.log || fail "$(cat install.log)"
mkdir 'new place'
mv first 'new place/prefix'
prefix="$PWD/new place/prefix"
libdir=$(dirname "$(find "$prefix" -name liballocs.so)")

cat > a.c <<'END'
#include <allocs.h>
int main(void) { return alloc_get_type(0) != 0; }
END
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
eval "$CC -o a a.c $(pkg-config --cflags --libs allocs)"
LD_LIBRARY_PATH=$libdir ./a

cat > CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(allocs REQUIRED)
add_executable(a a.c)
target_link_libraries(a allocs::allocs)
END
cmake -B build -D CMAKE_PREFIX_PATH="$prefix" > cmake.log 2>&1 || fail "$(cat cmake.log)"
cmake --build build > build.log 2>&1 || fail "$(cat build.log)"
build/a
[ ! -e "$prefix/bin/allocs" ] || "$prefix/bin/allocs" --help > /dev/null
