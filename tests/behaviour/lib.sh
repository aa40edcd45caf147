# SPDX-License-Identifier: Apache-2.0
# Helpers for behaviour tests. A test begins with
#
#   . "$(dirname "$0")/lib.sh"
#
# runs in a fresh directory, proves the sentence that is its file name, and reads like this:
#
#   cat > a.c <<'END'
#   int main(void) { ... }
#   END
#   build a.c
#   preload ./a > out
#   expect out <<'END'
#   int$32
#   END
set -eu
: "${ALLOCS_PREFIX:?is the build tree or the prefix to test, e.g. build/release}"
PATH=$ALLOCS_PREFIX/bin:$PATH
PRELOAD=$ALLOCS_PREFIX/lib/liballocs_preload.so
case $PRELOAD in
  *[[:space:]]*) # LD_PRELOAD cannot say this path, see scripts/common.sh
    export LD_LIBRARY_PATH="$ALLOCS_PREFIX/lib"
    PRELOAD=liballocs_preload.so
    ;;
esac
CC=${CC:-cc} CXX=${CXX:-c++}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

skip() {
  echo "skipped: $*" >&2
  exit 77
}

# need_plugin   skips the test unless the compiler plugin and its compiler are there; sets plugin
need_plugin() {
  plugin=$ALLOCS_PREFIX/lib/allocs/liballocs_clang_plugin.so
  [ -e "$plugin" ] || skip "the compiler plugin was not built"
  require clang-19 clang++-19
}

# compiler_for SOURCE   the plugin's compiler for the language that the name tells
compiler_for() {
  case $1 in
    *.cc) echo clang++-19 ;;
    *) echo clang-19 ;;
  esac
}

# require COMMAND...   skips the test unless all of them are installed
require() {
  for tool; do
    command -v "$tool" > /dev/null || skip "$tool is not installed"
  done
}

# build SOURCE [FLAG...]   compiles with debug information, against the public headers; `a.c` -> `./a`
build() {
  source=$1
  shift
  case $source in
    *.c) compiler=$CC ;;
    *) compiler=$CXX ;;
  esac
  $compiler -g -I"$ALLOCS_PREFIX/include" -o "${source%.*}" "$source" "$@" \
    -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -Wl,--as-needed -lallocs
}

# preload COMMAND...   runs a program as a guest
preload() {
  [ -e "$ALLOCS_PREFIX/lib/liballocs_preload.so" ] || skip "liballocs_preload.so is not built"
  LD_PRELOAD=$PRELOAD "$@"
}

# start_guest COMMAND...   runs a guest that reads from our descriptor 3 and writes to `output`, until it has written "ready"; sets pid
start_guest() {
  mkfifo input
  LD_PRELOAD=$PRELOAD "$@" < input > output 2> /dev/null &
  pid=$!
  exec 3> input
  until grep -q ready output; do
    kill -0 $pid || fail "$* ended before it was ready"
    sleep 0.05
  done
}

# expect FILE   compares FILE with standard input, line by line; an expected line may hold shell patterns
expect() {
  cat > expected.$$
  if ! match expected.$$ "$1"; then
    echo "FAILED: $1 is not as expected (- expected, + $1)" >&2
    diff -u expected.$$ "$1" >&2 || true
    exit 1
  fi
  rm expected.$$
}

# match PATTERNS FILE   true if each line of FILE matches the same line of PATTERNS
match() {
  while IFS= read -r pattern <&3; do
    IFS= read -r line <&4 || return 1
    # shellcheck disable=SC2254 # the pattern is meant as one
    case $line in
      $pattern) ;;
      *) return 1 ;;
    esac
  done 3< "$1" 4< "$2"
  [ "$(wc -l < "$1")" -eq "$(wc -l < "$2")" ]
}

# expect_line FILE PATTERN   some line of FILE matches the shell pattern
expect_line() {
  while IFS= read -r line; do
    # shellcheck disable=SC2254
    case $line in
      $2) return 0 ;;
    esac
  done < "$1"
  echo "FAILED: no line of $1 matches: $2" >&2
  cat "$1" >&2
  exit 1
}

# expect_status STATUS COMMAND...   the command ends with that exit status
expect_status() {
  wanted=$1
  shift
  got=0
  "$@" || got=$?
  [ "$got" -eq "$wanted" ] || fail "exit status $got instead of $wanted: $*"
}

# other_mallocs   the paths of those that are installed, of jemalloc, mimalloc and tcmalloc
other_mallocs() {
  for malloc in libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
    ldconfig -p | sed -n "s|.*$malloc .*=> ||p" | head -n 1
  done
}

# core_of COMMAND...   runs a program that crashes, as a guest, and leaves its core in the file `core`; what it
# prints goes to standard output
core_of() {
  "$ALLOCS_SOURCE/scripts/core_of" core env LD_PRELOAD="$PRELOAD" "$@"
}
