#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blanks, quotes and letters of all kinds in paths; a source tree that cannot be written; a wrapper called by a link.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"

mkdir -p 'src/ä ö'
echo 'int main(void) { return 3; }' > "src/ä ö/it's.c"
echo 'int main(void) { return 4; }' > src/-x.c
echo 'int main(void) { return 5; }' > 'src/a,b.c'

check() {
  same -c "ä ö/it's.c"
  same "ä ö/it's.c" -o "ä ö/ü" && expect_status 3 'wrapped/ä ö/ü'
  readelf -SW 'wrapped/ä ö/ü' | grep -q ' \.allocs ' || fail "no image in ä ö/ü"
  same ./-x.c -o -p && expect_status 4 wrapped/-p
  readelf -SW wrapped/-p | grep -q ' \.allocs ' || fail "no image in -p"
  same a,b.c -o a,b && expect_status 5 wrapped/a,b
  [ "$cc" = gcc ] || same -o q -- -x.c

  mkdir -p readonly && cp src/a,b.c readonly/a.c && chmod -R a-w readonly
  # shellcheck disable=SC2086
  $wrapped readonly/a.c -o r && expect_status 5 ./r

  ln -sf "$ALLOCS_PREFIX/bin/allocscc" "link cc"
  './link cc' --allocs-cc="$cc" readonly/a.c -o r && expect_status 5 ./r
  readelf -SW r | grep -q ' \.allocs ' || fail "no image when called by a link"
}
for_each_compiler check
