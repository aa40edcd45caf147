#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debug information that is not installed comes from debuginfod servers where DEBUGINFOD_URLS names some: for the commands that a person waits
# for, and never while a program waits. Without a server there is a message, and what is here is used.
. "$(dirname "$0")/lib.sh"
require debuginfod debuginfod-find python3 objcopy

cat > a.c <<'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct fetched { int first, second; };
struct fetched variable;
int main(void) {
  struct uniqtype *type = alloc_get_type(&variable);
  puts(type ? uniqtype_name(type) : "no type");
  fflush(stdout);
  if (getenv("CRASH")) {
    printf("%p\n", (void *)&variable);
    fflush(stdout);
    abort();
  }
}
END
build a.c -g3 -Wl,--build-id
build_id=$(readelf -n a | sed -n 's/ *Build ID: //p')
mkdir served
objcopy --only-keep-debug a served/a.debug
objcopy --strip-all a
if command -v dwz > path; then
  $CC -gdwarf-4 -Wl,--build-id -I"$ALLOCS_PREFIX/include" -c a.c -o shared.o
  $CC shared.o -o shared -L"$ALLOCS_PREFIX/lib" -lallocs
  cp shared other
  dwz -m common shared other
  common_id=$(readelf -n common 2> readelf.log | sed -n 's/ *Build ID: //p')
  mv common served/common.debug
fi

export XDG_CACHE_HOME="$PWD/cache" DEBUGINFOD_CACHE_PATH="$PWD/fetched" DEBUGINFOD_TIMEOUT=20
forget() { rm -rf cache fetched; }
told_types() { allocs meta dump ./a > dump 2> err || fail "dump: $(cat err)"; grep -c 'fetched' dump || true; }

# Nobody asks where no server is named.
[ "$(told_types)" = 0 ] || fail "types out of nothing"

# A server that is not there: its port belongs to nobody.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export DEBUGINFOD_URLS="http://127.0.0.1:$port"
forget
allocs meta build ./a > out 2> err || fail "without the server: $(cat err)"
expect_line err 'allocs: debuginfod cannot be asked: *; going on with what is here'
[ -s "$(cat out)" ] || fail "no image"

env -u DEBUGINFOD_URLS debuginfod -d "$PWD/index.sqlite" -p "$port" -F "$PWD/served" > server.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || true' EXIT
attempts=0
until DEBUGINFOD_CACHE_PATH="$PWD/probe" debuginfod-find debuginfo "$build_id" > found 2> /dev/null; do
  kill -0 $server 2> /dev/null || skip "the server does not run here: $(tail -1 server.log)"
  rm -rf probe
  attempts=$((attempts + 1))
  [ $attempts -lt 600 ] || skip "the server finds nothing"
  sleep 0.1
done

# A program does not wait for a server, and neither does who starts it.
requests() { grep -c "GET /buildid/$build_id" server.log || true; }
before=$(requests)
forget
preload ./a > out
expect out <<'END'
no type
END
forget
allocs run -q ./a > out
expect out <<'END'
no type
END
[ "$(requests)" = "$before" ] || fail "a server was asked for a program's sake"

# The image that is there now knows no types; whoever asks for it gets a better one, and so does the program from then on.
[ "$(told_types)" -gt 0 ] || fail "nothing was fetched: $(cat err)"
[ "$(requests)" -gt "$before" ] || fail "the server was not asked"
preload ./a > out
expect out <<'END'
fetched
END
after=$(requests)
[ "$(told_types)" -gt 0 ] || fail "forgotten"
[ "$(requests)" = "$after" ] || fail "asked again for what is there"

for command in "build -q ./a" "all -q ./a" "macros ./a __STDC__"; do
  forget
  # shellcheck disable=SC2086
  allocs meta $command > out 2> err || fail "$command: $(cat err)"
  [ -n "$(find fetched -name debuginfo -size +0)" ] || fail "meta $command fetched nothing"
done
forget
allocs meta build -o image ./a > out
[ -s fetched/"$build_id"/debuginfo ] || fail "meta build -o fetched nothing"

# A core is a file.
urls=$DEBUGINFOD_URLS
unset DEBUGINFOD_URLS # which gdb would ask, too
if CRASH=1 core_of ./a > out 2> core.log; then
  forget
  DEBUGINFOD_URLS=$urls allocs what core "$(grep '^0x' out)" > out 2> err || true
  expect_line out '*struct fetched*'
  [ -s fetched/"$build_id"/debuginfo ] || fail "allocs what fetched nothing: $(cat out err)"
fi

export DEBUGINFOD_URLS="$urls"

# What dwz moved elsewhere has a build-id of its own.
if [ -e shared ]; then
  DEBUGINFOD_URLS='' allocs meta build --no-cache ./shared > out 2> err
  expect_line err '*needs common, which is not installed*'
  forget
  allocs meta build ./shared > out 2> err
  [ ! -s err ] || fail "$(cat err)"
  [ -s fetched/"$common_id"/debuginfo ] || fail "the common file was not fetched"
fi
