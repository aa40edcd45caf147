#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Frames of code that a process made and registered with gdb's JIT interface have bounds and names from outside and in its core, and so
# have the frames behind them, as gdb finds them; what only its perf map tells is named as where the stack ends. The list of the
# process may be nonsense.
. "$(dirname "$0")/lib.sh"

cp "$ALLOCS_SOURCE/tests/programs/made_code.h" .
cat > a.c << 'END'
#include "made_code.h"
#include <unistd.h>
static long *local_of_main;
static int crashes;
static __attribute__((noinline)) void show(void) {
  char *frame = FRAME_OF_MADE_CALLER();
  printf("%p\n%p\nready\n", (void *)(frame + 8), (void *)local_of_main);
  fflush(stdout);
  if (crashes) abort();
  getchar();
}
int main(int argc, char **argv) {
  long local[3] = {1};
  local_of_main = local;
  made_function *made = make_function();
  struct jit_entry *entry = register_function(made, "made");
  crashes = strchr(argv[1], 'c') != NULL;
  if (strchr(argv[1], 'n')) entry->next = entry;
  if (strchr(argv[1], 'p')) {
    char path[64];
    unregister_function(entry);
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *map = fopen(path, "w");
    fprintf(map, "%lx %x told perf\n", (unsigned long)(uintptr_t)made, kMadeSize);
    fclose(map);
    made(show);
    unlink(path);
  } else {
    made(show);
  }
  return argc - 2;
}
END
build a.c -O1 -fno-omit-frame-pointer

# outside COMMAND...   runs it, and asks from outside what is at the two addresses that it prints
outside() {
  : > output # what the one before said is no answer
  "${@}" < input > output &
  exec 3> input
  until grep -q ready output; do sleep 0.05; done
  allocs what $! $(head -n 2 output) > told || true
  [ ! -e gdb.wanted ] || gdb -q -batch -p $! -ex bt > gdb.told 2>&1 || true
  echo >&3
  wait $! || fail "the process ended with $?"
  exec 3>&-
}
cat > frames << 'END'
At 0x* is a stackframe-allocated object of size 48, type (no type)
    bounds    0x* + 48 bytes, 8 bytes in, thread *
    name      made
    type      unknown: the object has no metadata
    site      0x* made in [[]jit]
    evidence  call frame information, ELF symbol
At 0x* is a stackframe-allocated object of size *, type *
    bounds    *
    name      main
END
mkfifo input
touch gdb.wanted
outside ./a r
head -n 9 told > told.first
expect told.first < frames
if command -v gdb > /dev/null && grep -q ' main ' gdb.told; then
  expect_line gdb.told '*#* in made ()*'
fi
rm gdb.wanted
outside env LD_PRELOAD="$PRELOAD" ./a r
head -n 9 told > told.first
expect told.first < frames

outside ./a n
expect told << 'END'
At 0x*: cannot tell: the stack cannot be unwound that far
At 0x*: cannot tell: the stack cannot be unwound that far
END
outside ./a p
expect told << 'END'
At 0x*: cannot tell: the stack cannot be unwound that far: no rule at 0x* in told perf of [[]perf map]
At 0x*: cannot tell: the stack cannot be unwound that far: no rule at 0x* in told perf of [[]perf map]
END

core_of ./a rc > output
allocs what core $(head -n 2 output) > told || true
head -n 9 told > told.first
expect told.first < frames
if command -v gdb > /dev/null; then
  gdb -q -batch ./a core -ex bt > gdb.told 2>&1
  grep ' main ' gdb.told > main.told && expect_line gdb.told '*#* in made ()*'
fi
