#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who asks from the constructor of a library that comes before the run time's own start may not be told a type: where metadata lies, and whether it may be made, is not
# known yet. That is not remembered: the same question is answered later.
. "$(dirname "$0")/lib.sh"

cat > library.c << 'END'
#include <allocs.h>
#include <stdio.h>
struct point { int x, y; };
static struct point corner;
static void *block;
static void say(const char *when, const void *at) {
  struct alloc_info info;
  const int error = alloc_query(at, 0, &info);
  const char *name = error == ALLOC_OK && info.type != NULL ? uniqtype_name(info.type) : NULL;
  printf("%s %s\n", when, name != NULL ? name : info.type_error == ALLOC_E_NOT_YET ? "not yet" : "unknown");
}
__attribute__((constructor)) static void begin(void) {
  struct point *made = malloc(sizeof *made);
  block = made;
  say("early", &corner), say("early", block);
}
void ask(void) { say("later", &corner), say("later", block); }
END
cat > a.c << 'END'
void ask(void);
int main(void) { ask(); return 0; }
END
$CC -O0 -g -shared -fPIC -I"$ALLOCS_PREFIX/include" -o liba.so library.c
build a.c -O0 -L. -la -Wl,-rpath,.

preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
early not yet
early not yet
later point
later point
END
# Who wants none made has none made, whenever it is asked for.
export XDG_CACHE_HOME="$PWD/none"
ALLOCS_META=never preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
early not yet
early not yet
later unknown
later unknown
END
[ ! -e none ] || fail "metadata was made although it was not to be: $(find none)"
