#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Beside gcc the header that C units begin with is read once for all of them, and each unit's list is the one that reading everything gives: also when
# the header changes, and where it cannot be shared.
. "$(dirname "$0")/lib.sh"
need_plugin
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"
clang=$(readlink -f "$(command -v clang-19)")
export XDG_CACHE_HOME="$PWD/cache"

# What a header can leave behind: types, wrappers that are declared, defined and found, inline functions, macros, pragmas.
mkdir -p include other
cat > include/common.h << 'END'
#ifndef COMMON_H
#define COMMON_H
#include <stdlib.h>
#include <stddef.h>
#include "sizes.h"
struct part { char bytes[PART]; };
typedef struct { int first, second; } pair;
void *get(size_t n) __attribute__((malloc, alloc_size(1)));
void *found(size_t n);
static inline void *in_header(size_t n) { return malloc(n); }
static inline struct part *new_part(void) { return (struct part *)found(sizeof(struct part)); }
extern inline __attribute__((gnu_inline)) pair *new_pair(void) { return (pair *)malloc(sizeof(pair)); }
#define NEW(type) ((type *)get(sizeof(type)))
#pragma pack(push, 1)
#endif
END
echo '#pragma once
#define PART 24' > include/sizes.h
body='
struct packed { char c; long l; };
void *found(size_t n) { return malloc(n); }
void *of_macro(void) { return NEW(struct part); }
void *of_inline(void) { pair *p = in_header(sizeof(pair)); return p; }
void *of_both(int i) { return i ? (void *)new_part() : (void *)new_pair(); }
void *of_packed(void) { struct packed *p = malloc(sizeof(struct packed)); return p; }'
for unit in one two three four; do
  echo "/* A comment, as
 * most files have one. */
// And another.

# include  \"common.h\"  // what all need
#include <string.h>
$body
void *of_$unit(void) { char *copy = malloc(strlen(\"$unit\") + 1); return copy; }" > $unit.c
done

list_of() { "$lister" told "$clang" -w -Iinclude "$@"; }
headers() { find cache/allocs/headers -type f -size +20k 2> /dev/null | sort; }
# expect_same WHAT [OPTION...] SOURCE    the list is the one that reading everything gives
expect_same() {
  what=$1
  shift
  list_of "$@" || fail "$what: not understood"
  mv told shared
  ALLOCSCC_MEMO=never list_of "$@" || fail "$what: not understood without memory"
  cmp shared told || fail "$what: $(diff shared told)"
}
forget_lists() { rm -rf cache/allocs/sites; }
# expect_part BYTES    what the lists say of struct part
expect_part() { grep -q "of_macro.*	part	$1	include/common.h	" told || fail "part is not $1 bytes: $(cat told)"; }

# The first unit says that the header is there, the second reads it for all. (What was written a moment ago is not kept.)
expect_same 'the first unit' -x c one.c
expect_part 24
[ -z "$(headers)" ] || fail 'a header was read for its own sake though only one unit begins with it'
for _ in $(seq 100); do
  forget_lists
  expect_same 'the second unit' -x c two.c
  [ -z "$(headers)" ] || break
  sleep 0.2
done
header=$(headers)
[ -n "$header" ] || fail 'the header is not kept'
identity=$(stat -c %i "$header")
touch -d '2001-01-01' "$header"
expect_same 'the third unit' -x c three.c
[ "$(stat -c %y "$header" | cut -d- -f1)" != 2001 ] || fail 'the header is read again'
forget_lists
for unit in one two three four; do expect_same "unit $unit" -x c $unit.c; done
[ "$(headers)" = "$header" ] && [ "$(stat -c %i "$header")" = "$identity" ] || fail "another header: $(headers)"

# A change of what the header includes, of the header, of the path that it is found by, of an option, of the directory.
sed -i 's/24/40/' include/sizes.h
forget_lists
for unit in one two three; do expect_same 'a changed header of the header' -x c $unit.c && expect_part 40; done
sed -i 's/char bytes\[PART\]/char bytes[PART], more/' include/common.h
forget_lists
for unit in one two three; do expect_same 'a changed header' -x c $unit.c && expect_part 41; done
sed 's/more/more[9]/' include/common.h > common.h
for unit in one two three; do
  list_of -x c $unit.c && grep -q 'of_macro.*	part	49	common.h	' told || fail "a header beside the unit: $(cat told)"
done
rm common.h
for unit in one two three; do expect_same 'another option' -DPACK -x c $unit.c; done
for unit in one two three; do
  sed 's/"common.h"/"..\/include\/common.h"/' $unit.c > other/$unit.c
  expect_same 'another directory' -x c other/$unit.c
done

# Where the header cannot be shared it is not, and the lists are what they are.
forget_lists
rm -rf cache
twice='#include <stdlib.h>
static void *NAME(void) { return malloc(8); }'
echo "$twice" > include/unguarded.h
printf '#ifndef UNDONE\n#define UNDONE\n%s\n#endif\n#undef UNDONE\n' "$twice" > include/undone.h
printf '#pragma once\n#include <stdlib.h>\nenum { length = sizeof(__BASE_FILE__) };\n' > include/unit.h
printf '#pragma once\n#include <stdlib.h>\nenum { length = sizeof(__TIME__) };\n' > include/clock.h
printf '#pragma once\n#include <stdlib.h>\nenum { count = __COUNTER__ };\n#define length (__COUNTER__ + 1)\n' > include/counter.h
printf '#pragma once\n#include <stdlib.h>\n#ifdef LENGTH\nenum { length = LENGTH };\n#else\nenum { length = 3 };\n#endif\n' > include/option.h
touch -d '2001-01-01' include/*
sleep 2.1  # what was made a moment ago is not kept, whatever its date
for header in unguarded undone unit clock counter; do
  for number in 1 2 3 4; do
    printf '#include "%s.h"\n#define NAME again\n#include "%s.h"\nenum { size%d = 1 };\n' $header $header $number > unit$number.c
    case $header in
      unguarded | undone) ;;
      *) echo 'void *f(void) { char (*p)[length] = malloc(sizeof *p); return p; }' >> unit$number.c ;;
    esac
    expect_same "$header.h" -x c unit$number.c
  done
done
for number in 1 2 3; do
  printf '#define LENGTH 7\n#include "option.h"\nvoid *f(void) { char (*p)[length] = malloc(sizeof *p); return p; }' > unit$number.c
  expect_same 'a macro before the header' -x c unit$number.c
  grep -q '__ARR7_' told || fail "the macro is not seen: $(cat told)"
done
[ -z "$(headers)" ] || fail "kept: $(headers)"

# What is kept is not believed, and not needed.
for number in 1 2 3; do
  printf '#include "option.h"\nvoid *f%d(void) { char (*p)[length] = malloc(sizeof *p); return p; }' $number > unit$number.c
  expect_same 'a header with options' -x c unit$number.c
done
header=$(headers)
[ -n "$header" ] || fail 'not kept'
cp "$header" whole
for size in 0 60 1000 $(($(wc -c < whole) - 1)); do
  head -c "$size" whole > "$header"
  forget_lists
  expect_same "a header of $size bytes" -x c unit1.c
done
