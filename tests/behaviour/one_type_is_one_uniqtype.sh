#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One type is one uniqtype, whoever compiled what tells of it, and whenever that was loaded; two types of one name are two, and what
# leads to them is two as well.
. "$(dirname "$0")/lib.sh"

cat > types.h << 'END'
struct point { int x, y; };
struct shared {
  struct shared *next;
  struct point points[3];
  const char *name;
  unsigned flag : 1, rest : 31;
  union { long number; void (*call)(struct shared *, const volatile char *, ...); };
  enum color { red, green = 7 } color;
};
typedef struct { int a; double b; } nameless;
typedef enum { up, down } nameless_enumeration;
END
# What each library describes: the same types, then a `node`, of which the second has another. Only that one knows what `secret` is.
cat > part.c << 'END'
#include "types.h"
struct shared PART(shared);
struct shared *PART(pointer)[2];
nameless PART(nameless);
nameless_enumeration PART(choice);
void (*PART(function))(nameless *, struct point, long long, unsigned char);
struct secret *PART(hidden);
struct node { OF_NODE; struct node *next; } PART(node), *PART(nodes);
struct holder { struct node *of_node; } PART(holder);
#ifdef KNOWS
struct secret { int inside; struct node *node; } PART(secret);
#endif
END
cat > main.c << 'END'
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static const char *kNames[] = {"shared", "pointer", "nameless", "choice", "function", "hidden", "node", "nodes", "holder", "secret"};
enum { kCount = sizeof kNames / sizeof *kNames, kMost = 12 };
/* By part, the last one being the first again, and by name. */
static struct uniqtype *types[kMost][kCount];
static void ask(int number, void *library, const char *part) {
  for (int i = 0; i < kCount; i++) {
    char symbol[64];
    snprintf(symbol, sizeof symbol, "%s_%s", part, kNames[i]);
    void *object = dlsym(library, symbol);
    types[number][i] = object ? alloc_get_type(object) : NULL;
  }
}
int main(int argc, char **argv) {
  const int parts = argc - 1;
  void *first = NULL;
  struct uniqtype *whole = NULL;
  for (int i = 1; i < argc; i++) {
    char path[64];
    snprintf(path, sizeof path, "./%s.so", argv[i]);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return puts(dlerror()), 1;
    if (i == 2) whole = uniqtype_by_name("secret"); /* so far, only a declaration was asked about */
    ask(i - 1, library, argv[i]);
    if (i == 1) first = library;
    if (i % 2 == 0) dlclose(library);
  }
  /* Closed and opened again. */
  dlclose(first);
  first = dlopen("./one.so", RTLD_NOW | RTLD_LOCAL);
  ask(parts, first, "one");
  for (int i = 0; i < kCount; i++) {
    printf("%s:", kNames[i]);
    for (int n = 0; n <= parts; n++) {
      int same = 0;
      while (types[same][i] != types[n][i]) same++;
      printf(" %c", types[n][i] ? 'a' + same : '-');
    }
    puts("");
  }
  struct uniqtype *one = types[0][6], *other = types[1][6];
  printf("%s %s\n", uniqtype_name(one), uniqtype_name(other));
  printf("pointers to them: %d %d\n", uniqtype_pointer_to(one) == types[0][7], uniqtype_pointer_to(other) == types[1][7]);
  printf("they lead to: %d %d\n", types[0][7]->related[0].un.t.ptr == one, types[1][7]->related[0].un.t.ptr == other);
  printf("by name: %d %d\n", uniqtype_by_name("shared") == types[0][0], uniqtype_by_name("nameless") == types[0][2]);
  printf("the whole one by name: %d\n", whole == types[1][9]);
  struct uniqtype *declared = types[0][5]->related[0].un.t.ptr;
  printf("%s %d\n", uniqtype_name(declared), uniqtype_size(declared) == (size_t)-1);
  printf("%s %s\n%s\n", uniqtype_name(types[0][2]), uniqtype_name(types[0][3]), uniqtype_name(types[0][4]));
}
END
build main.c -ldl

parts=
part() {
  name=$1
  shift
  "$@" -I. -fPIC -shared "-DPART(x)=${name}_##x" -o "$name.so" part.c
  parts="$parts $name"
}
node='-DOF_NODE=int of_one'
part one $CC -g "$node"
part two $CC -gdwarf-4 -O2 "-DOF_NODE=char *of_two" -DKNOWS
part three $CC -gdwarf-2 "$node"
part four $CC -gdwarf-4 -O1 -fdebug-types-section "$node"
part five $CC -gdwarf-5 -Dconst= -Dvolatile= "$node"
other=clang-19
command -v $other > /dev/null || other=$CC
part six $other -gdwarf-5 "$node"
part seven $other -gdwarf-3 -O2 "$node"
# shellcheck disable=SC2086
preload ./main $parts > out
# A declaration is a type of its own, since what it declares may be told by nobody, or by several.
expect out << 'END'
shared: a a a a a a a a
pointer: a a a a a a a a
nameless: a a a a a a a a
choice: a a a a a a a a
function: a a a a a a a a
hidden: a b a a a a a a
node: a b a a a a a a
nodes: a b a a a a a a
holder: a b a a a a a a
secret: - b - - - - - -
node node
pointers to them: 1 1
they lead to: 1 1
by name: 1 1
the whole one by name: 1
secret 1
nameless nameless_enumeration
__PTR___FUN_FROM___ARG0___PTR_nameless__ARG1_point__ARG2_int$64__ARG3_unsigned_char$8__FUN_TO_void
END
