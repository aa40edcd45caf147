#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that was cut somewhere, or the debug file of one, is named with the place of what is missing; nothing is made up.
. "$(dirname "$0")/lib.sh"
require objcopy

cat > a.c << 'EOF'
struct record { long id; char name[24]; } global;
int main(void) { return (int)global.id; }
EOF
build a.c
names_what_is_missing() { # FILE
  grep -q "$1: 0x[0-9a-f]*: the table of [a-z]* goes beyond the end of the file" messages ||
    fail "with $size bytes of $1: $(cat messages)"
}
for size in 64 500 5000 12000; do
  head -c $size a > cut
  allocs meta build -o image ./cut > out 2> messages || fail "exit status $? with $size bytes"
  names_what_is_missing ./cut
  [ "$(wc -l < messages)" = 1 ] || fail "said twice: $(cat messages)"
done

objcopy --only-keep-debug a whole.debug
cp whole.debug a.debug
objcopy --strip-debug --add-gnu-debuglink=a.debug a
allocs meta build -o image ./a 2> messages
expect messages < /dev/null
allocs meta dump image | grep -q record || fail "the debug file was not used"
for size in 64 500 5000; do
  head -c $size whole.debug > a.debug
  allocs meta build -o image ./a > out 2> messages || fail "exit status $? with $size bytes"
  names_what_is_missing /.*/a.debug
  if allocs meta dump image | grep -q record; then fail "a debug file of $size bytes was believed"; fi
done
