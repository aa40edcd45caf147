#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The site list beside gcc is made once, as long as nothing changes that it was made of; every change gives the list that a new
# reading gives, and what is wrong with the memory costs time only.
. "$(dirname "$0")/lib.sh"
need_plugin
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"
require g++ objcopy
clang=$(readlink -f "$(command -v clang++-19)")
export XDG_CACHE_HOME="$PWD/cache"

mkdir early late more
echo 'template <int n> struct part { char bytes[n]; };' > late/part.h
echo '#define SIZE 100' > more/extra.h
cat > a.cc << 'END'
#include <part.h>
#if __has_include(<extra.h>)
#include <extra.h>
#endif
void *f() { return new part<SIZE>; }
END
cp a.cc plain.cc
echo 'struct s { int of[3]; }; int put(void **, unsigned long); void *f(void) { void *b; put(&b, sizeof(struct s)); return b; }' > declared.c
(cat a.cc && echo 'const char *when() { return __TIME__; }') > clock.cc
(cat a.cc && echo '#include "future.h"') > future.cc
echo > future.h
touch -d '2100-01-01' future.h
echo 'int f( { return 1; }' > broken.cc

list_of() {
  source=$1
  shift
  "$lister" told "$clang" -w -Iearly -Ilate -DSIZE=8 "$@" -x c++ "$source"
}
sizes() { sed -n 's/^site.*\tpart<\([0-9]*\)>\t\([0-9]*\)\t.*/\1 \2/p' told; }
# expect_list SIZES WHAT [OPTION...]   the list of a.cc has them, remembered or read anew
expect_list() {
  wanted=$1 what=$2
  shift 2
  list_of a.cc "$@" || fail "$what: not understood"
  [ "$(sizes)" = "$wanted" ] || fail "$what: $(cat told)"
}
entries() { find cache -type f 2> /dev/null | sort; }

# What was written a moment ago could change once more and have the same time, so it is remembered only after a while.
until [ -n "$(entries)" ]; do
  expect_list '8 8' 'read'
  sleep 0.1
done
entry=$(entries)
cp told first

# An entry that is used stays the same file, and becomes young.
expect_recalled() {
  identity=$(stat -c %i "$entry")
  touch -d '2001-01-01' "$entry"
  "$@"
  [ "$(stat -c %i "$entry")" = "$identity" ] || fail "read again: $*"
  [ "$(stat -c %y "$entry" | cut -d- -f1)" != 2001 ] || fail "not recalled: $*"
  cmp first told || fail "another list is recalled: $*"
}
expect_recalled list_of a.cc
expect_recalled env PWD=/ TERM=other "$lister" told "$clang" -w -Iearly -Ilate -DSIZE=8 -x c++ a.cc

# The files are old by now. What asks for the time, or comes from the future, is still not remembered; and failure is.
list_of clock.cc && list_of future.cc
[ "$(entries)" = "$entry" ] || fail "remembered: $(entries)"
list_of plain.cc
[ "$(entries | wc -l)" -eq 2 ] || fail "not remembered, another source: $(entries)"
expect_status 1 list_of broken.cc
expect_status 1 list_of broken.cc
[ "$(entries | wc -l)" -eq 3 ] || fail "not remembered, a source that is not understood: $(entries)"
ALLOCSCC_MEMO=never list_of plain.cc -DOTHER
list_of plain.cc -march=native
[ "$(entries | wc -l)" -eq 3 ] || fail "remembered although it should not be: $(entries)"

# Each of these is another list.
expect_list '9 9' 'another option' -USIZE -DSIZE=9
(export CPATH="$PWD/more" && expect_list '100 100' 'a variable of the environment')
cp more/extra.h early
expect_list '100 100' 'a header that was missing'
rm early/extra.h
sed 's/n\]/n + 1]/' late/part.h > early/part.h
expect_list '8 9' 'a header earlier in the path'
rm early/part.h
expect_list '8 8' 'the header has gone again'
sed -i 's/n\]/n + 2]/' late/part.h
expect_list '8 10' 'a changed header'
mv late away && mkdir late && sed 's/n + 2\]/n + 3]/' away/part.h > late/part.h
expect_list '8 11' 'a directory in the place of another'
sed -i 's/<SIZE>/<SIZE + 1>/' a.cc
expect_list '9 12' 'a changed source'
echo 'int f() { return 1; }' > broken.cc
list_of broken.cc || fail 'a source that has been put right'
mkdir below && cp -rp a.cc early late below
(cd below && list_of a.cc && grep -q "^allocs-sites.*$PWD\$" told) || fail "another working directory: $(cat below/told)"

# Damage costs time only. (The list is read from the files as they are now, so an entry that is believed would show.)
cp "$entry" whole
for size in 0 1 8 30 60 100 $(($(wc -c < whole) - 1)); do
  head -c "$size" whole > "$entry"
  expect_list '9 12' "an entry of $size bytes"
done
for place in /proc/no/such/place /dev/null relative; do
  (export XDG_CACHE_HOME="$place" && expect_list '9 12' "a cache in $place")
done
[ ! -e relative ] || fail 'a cache in the working directory'

# Two at once, and through the wrapper.
rm -rf cache
section_of() { objcopy --dump-section ".allocs.sites=$1.section" "$1.o" "$1.copy"; }
compile() { allocsc++ --allocs-cc=g++ -Ilate -DSIZE=8 -c a.cc -o "$1.o"; }
until [ -n "$(entries)" ]; do
  compile one &
  compile two
  wait $!
  sleep 0.1
done
compile three
[ "$(entries | wc -l)" -eq 1 ] || fail "more than one entry: $(entries)"
for object in one two three; do
  section_of $object
  grep -q '^site.*part<9>' $object.section || fail "the list in $object.o: $(cat $object.section)"
  cmp one.section $object.section
done

# All files are old by now. A home that there is not is not made; one that there is gets the cache.
mkdir home
for home in no-home home; do
  (unset XDG_CACHE_HOME && export HOME="$PWD/$home" && expect_list '9 12' 'a home')
done
[ ! -e no-home ] || fail 'a home was made'
[ "$(find home/.cache/allocs/sites -type f | wc -l)" -eq 1 ] || fail 'nothing is kept at home'

# What users declare of functions is asked for as well.
sites_of_declared() {
  (export XDG_CONFIG_HOME="$PWD/config" && "$lister" told "$clang" -w -x c declared.c) && grep -c '^site' told || true
}
before=$(entries | wc -l)
[ "$(sites_of_declared)" = 0 ] || fail "nothing is declared: $(cat told)"
[ "$(entries | wc -l)" -gt "$before" ] || fail 'not remembered, a unit without declarations'
mkdir -p config/allocs && echo 'alloc put(OZ)i' > config/allocs/config
[ "$(sites_of_declared)" = 1 ] || fail "a function is declared: $(cat told)"

# The list has the working directory, also if no other file is read there.
mkdir linked && ln -s ../early ../late linked
list_of "$PWD/plain.cc"
(cd linked && list_of "$OLDPWD/plain.cc" && grep -q "^allocs-sites.*$PWD\$" told) || fail "by absolute paths: $(cat linked/told)"
