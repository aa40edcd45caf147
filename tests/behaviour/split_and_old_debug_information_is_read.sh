#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever form the debug information has -- DWARF 2 to 5, 64-bit, type units, compressed, shared out by dwz, split off into .dwo files or a package of
# them -- a program's objects are what they are with -g. Without its .dwo files it says that it cannot tell.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
struct point { int x, y; unsigned flag : 3, rest : 5; };
enum colour { red, green = 7 };
union either { int i; float f; struct point p; };
struct holder { struct point points[3]; union either either; enum colour colour; struct holder *next; int (*call)(struct point *, ...); };
extern struct holder statics[4];
_Thread_local int first_local;
_Thread_local struct point own_point;
int work(struct point *p, ...);
static void show(const void *at) {
  char text[300];
  alloc_format_path(at, 0, text, sizeof text);
  printf("%s %zu %s: %s\n", alloc_get_allocator(at)->name, alloc_get_size(at), UNIQTYPE_NAME(alloc_get_type(at)), text);
}
static int nested(struct point *given, int n) {
  struct { long a; struct point b[2]; } own = {n, {*given, *given}};
  show(&own.b[1].y);
  show(given);
  return (int)own.a + own.b[1].x;
}
int main(int argc, char **argv) {
  struct holder local = {.call = work};
  struct holder *heap = malloc(3 * sizeof *heap);
  show(&statics[1].either);
  show(&own_point.y);
  show(&local.points[2].y);
  show((char *)work);
  printf("%s %s\n", alloc_get_allocator(heap + 1)->name, UNIQTYPE_NAME(alloc_get_type(heap + 1)));
  int result = nested(&local.points[1], argc);
  free(heap);
  return result + first_local + (local.next != 0) + (argv == NULL) - argc;
}
END
cat > b.c << 'END'
struct point { int x, y; unsigned flag : 3, rest : 5; };
enum colour { red, green = 7 };
union either { int i; float f; struct point p; };
struct holder { struct point points[3]; union either either; enum colour colour; struct holder *next; int (*call)(struct point *, ...); };
struct holder statics[4];
int work(struct point *p, ...) { return p->x; }
END
try() { # what compiler after...: built with the rest of the words
  what=$1 compiler=$2 after=$3
  shift 3
  rm -rf ./*.dwo ./*.dwp cache program
  "$compiler" "$@" -I"$ALLOCS_PREFIX/include" -c a.c b.c && "$compiler" "$@" a.o b.o -o program -L"$ALLOCS_PREFIX/lib" -lallocs -Wl,-rpath,"$ALLOCS_PREFIX/lib" ||
    fail "$what: cannot be built by $compiler $*"
  eval "$after" || fail "$what: $after"
  XDG_CACHE_HOME=$PWD/cache ALLOCS_META=wait preload ./program > out || fail "$what: exit status $?"
  # A frame's type has its place in its name.
  sed 's/\(stackframe [0-9]* \)[^:]*/\1frame/' out > "out.$what"
}
each=0
for compiler in gcc clang clang-19; do
  command -v $compiler > /dev/null || continue
  for level in -O0 -O2; do
    try reference $compiler : -g $level
    grep -q '^stackframe.*nested::own.b\[1\].y' out.reference || [ $level = -O2 ] || fail "the reference is poor"
    same() { # what after words...
      what=$1 after=$2
      shift 2
      try "$what" $compiler "$after" $level "$@"
      cmp -s "out.$what" out.reference || { diff out.reference "out.$what" >&2; fail "$compiler $level $*"; }
      each=$((each + 1))
    }
    for version in 2 3 4 5; do same dwarf$version : -gdwarf-$version; done
    same types : -g -fdebug-types-section
    same wide : -g -gdwarf64
    same compressed : -g -gz
    if command -v dwz > /dev/null; then
      # Between two files, what both have goes into a third; in one, into partial units.
      same dwz 'dwz program' -gdwarf-4
      cp program other
      same dwz_common 'cp program other && dwz -m common.dwz program other' -gdwarf-4
      rm -f other common.dwz
      # By the section of DWARF 5; what clang writes, dwz does not take.
      [ $compiler != gcc ] || same dwz_common5 'cp program other && dwz -5 -m common.dwz program other && readelf -SW program | grep -q debug_sup' -gdwarf-5
      rm -f other common.dwz
    fi
    for version in 4 5; do
      same split$version : -gdwarf-$version -gsplit-dwarf
      same split_types$version : -gdwarf-$version -gsplit-dwarf -fdebug-types-section
      same elsewhere$version 'mkdir -p there && mv ./*.dwo program there && ln -sf there/program program' -gdwarf-$version -gsplit-dwarf
      # llvm-dwp 19 may never end on what gcc makes; GNU's dwp knows no DWARF 5.
      if [ $compiler = clang-19 ] && command -v llvm-dwp-19 > /dev/null; then
        gather='timeout 60 llvm-dwp-19 -e program -o program.dwp && rm ./*.dwo'
        same package$version "$gather" -gdwarf-$version -gsplit-dwarf
        same package_types$version "$gather" -gdwarf-$version -gsplit-dwarf -fdebug-types-section
      fi
    done
    if command -v dwp > /dev/null; then # newer binutils have none
      same package_gnu 'dwp -e program && rm ./*.dwo' -gdwarf-4 -gsplit-dwarf
    fi
    rm -rf there
  done
done
[ $each -ge 40 ] || fail "only $each forms were tried"

# Not there, of another compilation, or cut off.
for damage in 'rm ./*.dwo' 'cp b.dwo a.dwo' 'truncate -s 300 ./*.dwo' 'for f in *.dwo; do head -c 2000 /dev/urandom > $f; done' \
  'rm ./*.dwo && head -c 2000 /dev/urandom > program.dwp'; do
  try damaged gcc "$damage" -g -gsplit-dwarf
  grep -q "static 288.*: statics" out.damaged || fail "after $damage: $(cat out.damaged)"
done
try damaged gcc 'rm ./*.dwo' -g -gsplit-dwarf
allocs meta build -o image program > /dev/null 2> messages || fail "exit status $? without .dwo files"
grep -q 'the debug information of 2 of 2 units was split off and is not there; the first would be in a.dwo' messages || fail "$(cat messages)"
