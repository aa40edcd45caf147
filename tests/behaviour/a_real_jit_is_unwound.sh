#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LLVM's interpreter compiles a program in memory and registers it with gdb's JIT interface: at a stop in it, gdb finds the same functions
# as the frames that we tell from outside; and the program itself is told them.
. "$(dirname "$0")/lib.sh"
lli=$(command -v lli || command -v lli-19 || command -v lli-14) || skip "lli is not installed"
clang=$(command -v "clang-$("$lli" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')" || command -v clang) || skip "clang is not installed"
require gdb

cat > a.c << 'END'
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) long innermost(volatile long *from_outer) {
  volatile long local[4] = {1, 2, 3, 4};
  printf("%p %p\nready\n", (void *)&local[1], (void *)from_outer);
  fflush(stdout);
  return getchar() + local[2];
}
__attribute__((noinline)) long outer(long x) {
  volatile long local[6] = {x};
  return innermost(local) + local[5];
}
int main(void) { return outer(1) == 0; }
END
$clang -O1 -S -emit-llvm -o a.ll a.c
mkfifo input
"$lli" --jit-kind=mcjit a.ll < input > output 2> errors &
exec 3> input
until grep -q ready output; do kill -0 $! || skip "lli does not run it: $(cat errors)"; sleep 0.1; done
# shellcheck disable=SC2046
allocs what $! $(head -n 1 output) > told || true
gdb -q -batch -p $! -ex bt > gdb.told 2>&1 || true
echo >&3
wait $! || true
cat told gdb.told >&2
grep -q ' in outer ()' gdb.told || skip "gdb does not see into it"
grep '^    name' told > names
expect names << 'END'
    name      innermost
    name      outer
END

# The same from inside.
sed 's/printf("%p.*/char text[1000]; alloc_describe_wait((void *)from_outer, text, sizeof text); puts(text);/; s/return getchar() +/return/' a.c > b.c
sed -i '1i int alloc_describe_wait(const void *, char *, unsigned long);' b.c
$clang -O1 -S -emit-llvm -o b.ll b.c
preload "$lli" --jit-kind=mcjit --load="$ALLOCS_PREFIX/lib/liballocs.so" b.ll > inside || true
expect inside << 'END'
0x*: *stackframe allocation "outer" at 0x*, 64 bytes, thread *; type unknown: the object has no metadata; site 0x* in outer of [[]jit]; evidence: call frame information, ELF symbol
END
