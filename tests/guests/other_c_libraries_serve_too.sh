#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library that was built here runs with the C libraries of Debian 11 (glibc 2.31, no _dl_find_object) and 13 (2.41): heap,
# stack, functions, threads, signal handlers, dlopen. Needs root and ALLOCS_CHROOTS, a folder where systems are installed for good.
. "$(dirname "$0")/lib.sh"
[ -n "${ALLOCS_CHROOTS:-}" ] || skip "ALLOCS_CHROOTS is not set"
require debootstrap chroot

cat > a.cc << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <thread>
#include <vector>
static int g_wrong;
static void expect(bool right) { if (!right) __atomic_fetch_add(&g_wrong, 1, __ATOMIC_RELAXED); }
static bool is(struct allocator *who, const char *name) { return who && strcmp(who->name, name) == 0; }
static void handler(int) {
  int local;
  struct alloc_info info;
  alloc_query(&local, ALLOC_NOWAIT, &info);
  expect(is(info.allocator, "stackframe"));
}
static void work() {
  for (size_t k = 0; k < 2000; ++k) {
    char *block = new char[k + 1];
    int local;
    expect(alloc_get_size(block + k / 2) == k + 1 && is(alloc_get_allocator(block), "__default_lib_malloc"));
    expect(is(alloc_get_allocator(&local), "stackframe"));
    expect(is(alloc_get_allocator((void *)work), "static"));
    delete[] block;
    if (k % 100 == 0) raise(SIGUSR1);
  }
}
int main(int, char **argv) {
  signal(SIGUSR1, handler);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  for (std::thread &thread : threads) thread.join();
  for (int i = 0; i < 200; ++i) {
    void *library = dlopen("libm.so.6", RTLD_NOW);
    expect(library != NULL && alloc_get_allocator(dlsym(library, "fesetround")) != NULL);
    dlclose(library);
  }
  expect(is(alloc_get_allocator(argv), "auxv"));
  printf("%d wrong\n", g_wrong);
}
END
for suite in bullseye trixie; do
  root=$ALLOCS_CHROOTS/$suite
  [ -e "$root/usr/bin/g++" ] ||
    debootstrap --variant=minbase --include=g++,libc6-dev "$suite" "$root" > log 2>&1 || skip "debootstrap failed: $(tail -n 1 log)"
  mkdir -p "$root/opt/guest" && cp -RL "$ALLOCS_PREFIX/include" "$ALLOCS_PREFIX/lib" a.cc "$root/opt/guest"
  # /proc is mounted for it alone: without, the executable's own symbols cannot be read.
  unshare -m sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" sh -c "$1"' "$root" 'cd /opt/guest && g++ -O1 -pthread -Iinclude -o a a.cc lib/liballocs_link.a -ldl &&
    ALLOCS_META=never LD_PRELOAD=/opt/guest/lib/liballocs_preload.so ./a &&
    LD_PRELOAD=/opt/guest/lib/liballocs_preload.so perl -e "my %h; \$h{\$_ % 5000} .= \$_ for 1 .. 100000; print scalar(keys %h), qq(\n)"' > out 2>&1 ||
    fail "$suite: $(cat out)"
  rm -rf "$root/opt/guest"
  expect out << 'END'
0 wrong
5000
END
done
