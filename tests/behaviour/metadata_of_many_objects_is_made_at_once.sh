#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `allocs meta all` takes directories, programs and processes; it goes on where it was cut short, two runs do no harm to each
# other, and what is no object, or a damaged one, ends nothing but its own image.
. "$(dirname "$0")/lib.sh"
export XDG_CACHE_HOME="$PWD/cache"

mkdir -p "a tree/deep"
for i in 1 2 3 4 5 6 7 8 9; do
  printf 'struct s%s { int x[%s]; } v%s; int f%s(struct s%s *p) { return p->x[0]; }\n' $i $i $i $i $i > l$i.c
  $CC -g -shared -fPIC -o "a tree/deep/l$i.so" l$i.c
done
echo text > "a tree/text.so"
ln -s deep/l1.so "a tree/link.so"

allocs meta all "a tree" > one 2> errors & first=$!
allocs meta all "a tree" > two 2>> errors & second=$!
wait $first || fail "exit status $?: $(cat errors)"
wait $second || fail "exit status $?: $(cat errors)"
echo '9 of 9 objects have metadata' | cmp - one && cmp one two
[ "$(find cache -type f | grep -c '\.meta$')" -eq 9 ] && [ "$(find cache -type f | wc -l)" -eq 9 ] ||
  fail "not 9 images: $(find cache -type f)"

find cache -name '*.meta' | head -n 4 | xargs rm
before=$(find cache -name '*.meta' -exec stat -c %i {} + | sort)
allocs meta all -q -j 3 "a tree"
after=$(find cache -name '*.meta' -exec stat -c %i {} + | sort)
for inode in $before; do
  case $after in *$inode*) ;; *) fail "an image that was there was made anew" ;; esac
done

# Cut short at any time by what cannot be caught, it leaves whole images and nothing else, and the next run makes the others.
mkdir many
printf 'struct s { int x[9]; } v; int f(struct s *p) { return p->x[0]; }\n' > m.c
$CC -g -fPIC -c m.c
for i in $(seq 100 220); do $CC -shared -Wl,--build-id=0xab$i$i${i}0 -o many/m$i.so m.o; done
# Without another process, to be quicker than the images are made.
count() {
  set -- stopped/allocs/ab/*.meta
  images=0
  [ ! -e "$1" ] || images=$#
}
mkdir stopped
for times in 1 2 3; do
  count
  had=$images
  XDG_CACHE_HOME="$PWD/stopped" setsid allocs meta all -q -j 1 many & group=$!
  while [ $images -le $((had + 2)) ] && kill -0 $group 2> kill.log; do count; done
  kill -9 "-$group" 2> kill.log || true
  wait $group 2> wait.log || true
  count
  [ "$(find stopped -type f | wc -l)" -eq $images ] || fail "left over: $(find stopped -type f ! -name '*.meta')"
  find stopped -name '*.meta' -exec stat -c '%i %n' {} + | sort > had.$times
done
[ $images -lt 121 ] || fail "nothing was cut short"
find stopped -name '*.meta' > images
while read -r image; do allocs meta dump "$image" > dump || fail "half an image: $image"; done < images
XDG_CACHE_HOME="$PWD/stopped" allocs meta all many > out
echo '121 of 121 objects have metadata' | cmp - out
count
[ $images -eq 121 ] || fail "only $images images"
find stopped -name '*.meta' -exec stat -c '%i %n' {} + | sort > now
[ "$(comm -23 had.3 now | wc -l)" -eq 0 ] || fail "made anew: $(comm -23 had.3 now)"

# One that is damaged, or of another format, is made anew.
image=$(head -n 1 images)
printf '\377' | dd of="$image" bs=1 seek=5000 conv=notrunc 2> dd.log
other=$(sed -n 2p images)
printf '\001' | dd of="$other" bs=1 seek=4 conv=notrunc 2> dd.log
XDG_CACHE_HOME="$PWD/stopped" allocs meta all -q many
for one in "$image" "$other"; do allocs meta dump "$one" > dump || fail "not made anew: $one"; done

cp "a tree/deep/l2.so" "a tree/odd.so"
printf '\011' | dd of="a tree/odd.so" bs=1 seek=6 conv=notrunc 2> /dev/null  # no such version of ELF
expect_status 1 allocs meta all "a tree" > cut 2> errors
expect_line cut '9 of 10 objects have metadata'
expect_line errors '*odd.so: no metadata could be made*'
allocs meta all -q $$ sh
[ "$(find cache -name '*.meta' | wc -l)" -gt 9 ] || fail "nothing was made for this shell"
expect_status 2 allocs meta all 2> errors
expect_status 2 allocs meta all nosuchthing 2> errors
