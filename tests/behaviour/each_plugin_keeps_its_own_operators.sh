#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two plugins that define operator new, and one that has libstdc++'s, are loaded by a program in C: each gets the one that it
# would get alone.
. "$(dirname "$0")/lib.sh"

cat > own.cc << 'END'
#include <cstdlib>
#include <new>
static int count = 0;
void *operator new(std::size_t n) { ++count; return malloc(n); }
void operator delete(void *p) noexcept { free(p); }
void operator delete(void *p, std::size_t) noexcept { free(p); }
extern "C" int run() { int *volatile p = new int(3); delete p; return count; }
END
cat > usual.cc << 'END'
#include <string>
#include <vector>
extern "C" int run() { return (int)std::vector<std::string>(100, std::string(50, 'x')).size(); }
END
$CXX -fPIC -shared -o libown.so own.cc
cp libown.so libown2.so
$CXX -fPIC -shared -o libusual.so usual.cc
cat > a.c << 'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **names) {
  for (int i = 1; i < count; ++i) {
    void *plugin = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    printf("%d ", ((int (*)(void))dlsym(plugin, "run"))());
  }
  puts("");
}
END
build a.c
for plugins in "./libown.so ./libown2.so ./libusual.so ./libown.so" "./libusual.so ./libown.so"; do
  ./a $plugins > alone
  preload ./a $plugins > out
  cmp alone out || fail "with $plugins"
done
