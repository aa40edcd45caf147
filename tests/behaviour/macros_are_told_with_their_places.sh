#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# allocs meta macros tells what each macro stands for, where it was defined and how far that holds, in every form of debug information that
# has it; what is defined at the end of a unit is what the preprocessor says, and the places are gdb's.
. "$(dirname "$0")/lib.sh"
require python3

mkdir include
cat > include/shapes.h <<'END'
#ifndef SHAPES
#define SHAPES
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SIDES 4
#endif
#define VARIED VALUE
END
cat > one.c <<'END'
#include <stdio.h>
#include <errno.h>
#define VALUE 1
#include "shapes.h"
#define PASSING here
#undef PASSING
#define PASSING "there" /* no comment */ again
#undef SIDES
#define JOINED(x, ...) x ## __VA_ARGS__
extern int other(void);
int main(void) { return other() + LARGER(VALUE, 1) - 3; }
END
cat > two.c <<'END'
#define VALUE 2
#include "shapes.h"
#ifdef UNDONE
#error
#endif
int other(void) { return VALUE; }
END

# check OBJECT [UNIT FILE]...   of each unit what `gcc -E -dM` wrote to FILE holds at its end
cat > check.py <<'END'
import json, subprocess, sys
told = json.loads(subprocess.run(["allocs", "meta", "macros", "--json", sys.argv[1]], check=True, stdout=subprocess.PIPE).stdout)
for unit, path in zip(sys.argv[2::2], sys.argv[3::2]):
    expected = set(open(path).read().splitlines())
    assert len(expected) > 300, path
    ours = ["#define %s%s %s" % (m["name"], m.get("parameters", ""), m["value"]) for m in told if unit in m["units"] and "until" not in m]
    assert len(set(ours)) == len(ours)
    difference = expected.symmetric_difference(ours)
    if difference:
        sys.exit("%s: %s\n%s" % (sys.argv[1], unit, "\n".join(sorted(difference)[:20])))
END
for unit in one two; do $CC -Iinclude -DFROM_OUTSIDE=7 -DUNDONE -UUNDONE -E -dM $unit.c > $unit.macros; done

# told_by NAME FLAG...
told_by() {
  name=$1
  shift
  "$@" -Iinclude -DFROM_OUTSIDE=7 -DUNDONE -UUNDONE -o "$name" one.c two.c
}
told_by plain $CC -g3 -gdwarf-5
told_by old $CC -g3 -gdwarf-4
told_by oldest $CC -g3 -gdwarf-3 -gstrict-dwarf
told_by squeezed $CC -g3 -gdwarf-5 -gz
told_by wide $CC -g3 -gdwarf-5 -gdwarf64
for object in plain old oldest squeezed wide; do
  python3 check.py ./$object one.c one.macros two.c two.macros || fail "$object"
done

here=$(pwd -P)
for object in plain old oldest squeezed wide; do
  for macro in LARGER VARIED PASSING SIDES VALUE FROM_OUTSIDE JOINED; do allocs meta macros ./$object $macro; done > out
  sed "s|$here/||g" out > relative
  expect relative <<'END'
#define LARGER(a,b) ((a) > (b) ? (a) : (b))
  include/shapes.h:3, in one.c, two.c
#define VARIED VALUE
  include/shapes.h:6, in one.c, two.c
#define PASSING here
  one.c:5, until one.c:6, in one.c
#define PASSING "there" again
  one.c:7, in one.c
#define SIDES 4
  include/shapes.h:4, in two.c
#define SIDES 4
  include/shapes.h:4, until one.c:8, in one.c
#define VALUE 1
  one.c:3, in one.c
#define VALUE 2
  two.c:1, in two.c
#define FROM_OUTSIDE 7
  the compiler or its command line, in one.c, two.c
#define JOINED(x,...) x ## __VA_ARGS__
  one.c:9, in one.c
END
done

# Units share what dwz moves to a file of its own.
if command -v dwz > path; then
  for version in 4 5; do
    [ $version = 4 ] && object=old || object=plain
    cp $object shared.one && cp $object shared.two
    option=
    [ $version = 4 ] || option=-5
    dwz $option -m common shared.one shared.two || fail "dwz: DWARF $version"
    readelf -wm shared.one > lists 2> readelf.log || true
    grep -q "import_sup" lists || fail "dwz shared no macros"
    python3 check.py ./shared.one one.c one.macros two.c two.macros || fail "after dwz: DWARF $version"
  done
fi

# Another reader of the places.
if command -v gdb > path; then
  for macro in LARGER SIDES VALUE _STDIO_H EINTR stdin PASSING; do
    gdb -nx -q -batch -ex 'list main' -ex "info macro $macro" ./plain 2> gdb.log | sed -n 's/^Defined at \(.*\)$/\1/p' > theirs
    [ -s theirs ] || continue
    place=$(head -1 theirs)
    allocs meta macros ./plain $macro > ours
    grep -qF "$place" ours || fail "$macro: gdb says $place, we $(cat ours)"
    echo $macro >> compared
  done
  [ "$(wc -l < compared)" -ge 5 ] || fail "gdb told too little"
fi

if command -v clang-19 > path; then
  for version in 4 5; do
    told_by clang clang-19 -g -fdebug-macro -gdwarf-$version
    for macro in LARGER PASSING VALUE SIDES; do allocs meta macros ./clang $macro; done | sed "s|$here/||g" > relative
    expect relative <<'END'
#define LARGER(a,b) ((a) > (b) ? (a) : (b))
  include/shapes.h:3, in one.c, two.c
#define PASSING here
  one.c:5, until one.c:6, in one.c
#define PASSING "there" again
  one.c:7, in one.c
#define VALUE 1
  one.c:3, in one.c
#define VALUE 2
  two.c:1, in two.c
#define SIDES 4
  include/shapes.h:4, in two.c
#define SIDES 4
  include/shapes.h:4, until one.c:8, in one.c
END
  done
fi

# What is not there is said.
told_by without $CC -g
expect_status 1 allocs meta macros ./without > out 2> err
[ ! -s out ] || fail "macros out of nothing"
expect_line err '*compile with -g3*'
expect_status 1 allocs meta macros ./plain NOWHERE > out 2> err
expect_line err '*defines NOWHERE'
told_by split $CC -g3 -gsplit-dwarf
expect_status 1 allocs meta macros ./split VALUE > out 2> err
expect_line err '*split off, and the macros with it*'
# Damage ends a list, not the tool.
python3 - <<'END'
import random, subprocess
whole = bytearray(open("plain", "rb").read())
import re
sections = subprocess.run(["readelf", "-SW", "plain"], stdout=subprocess.PIPE, text=True).stdout
at = re.search(r"\.debug_macro\s+PROGBITS\s+\w+ (\w+) (\w+)", sections)
begin, size = int(at[1], 16), int(at[2], 16)
random.seed(1)
for n in range(60):
    damaged = bytearray(whole)
    for i in range(1 if n < 30 else 40):
        damaged[begin + random.randrange(size)] = random.randrange(256)
    open("damaged", "wb").write(damaged)
    ended = subprocess.run(["allocs", "meta", "macros", "damaged"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    assert ended.returncode in (0, 1), ended
END
