# SPDX-License-Identifier: Apache-2.0
# Sourced by run: the functions are called in the unpacked source, with CC and CXX set.
as_upstream=yes # the patches turn its Makefile into one that only the package's own rules can call
build() {
  make -j2 -C src linux CC="$CC" MYCFLAGS= MYLIBS= 2>&1
}
own_tests() {
  src/lua -v && src/lua -e 'assert(load(string.dump(function(a) return a + 1 end))(2) == 3)' &&
    src/luac -l -o /dev/null "$HERE/lua5.4.lua" > listing && [ -s listing ] && src/lua "$HERE/lua5.4.lua"
}
workload() {
  guest src/lua "$HERE/lua5.4.lua"
}
