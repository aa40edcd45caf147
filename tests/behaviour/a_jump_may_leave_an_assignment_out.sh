#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A size that is kept in a variable is what was assigned last in the source, unless a jump leads past that assignment (to a label of a switch, or by goto), or back
# from a later one: then the others count as well.
. "$(dirname "$0")/lib.sh"
need_plugin
cat > a.c << 'END'
#include <allocs.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
struct small { long number, other; };
struct large { void *pointer; double d; };  // as large, so the sizes do not tell
struct small *small;
struct large *large;
static int one = 1;
static void *volatile kept;
static void show(const char *what, void *block) {
  struct alloc_info info;
  kept = block;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) printf("%s: no type\n", what);
  else printf("%s: %s %d\n", what, UNIQTYPE_NAME(info.type), info.type_grade);
}
static void by_case(int kind) {
  size_t size = sizeof(struct large);
  switch (kind) {
    case 0:
      size = sizeof(struct small);
    case 1:
      show("past it to a case", malloc(size));
  }
}
static void by_default(int kind) {
  size_t size = sizeof(struct large);
  switch (kind) {
    case 0:
      size = sizeof(struct small);
    default:
      show("past it to the default", malloc(size));
  }
}
static void forwards(int kind) {
  size_t size = sizeof(struct large);
  if (kind) goto there;
  size = sizeof(struct small);
there:
  show("past it by goto", malloc(size));
}
static void computed(int kind) {
  static void *const where[] = {&&here, &&there};
  size_t size = sizeof(struct large);
  goto *where[kind];
here:
  size = sizeof(struct small);
there:
  show("past it by a computed goto", malloc(size));
}
static void backwards(int kind) {
  size_t size = sizeof(struct small);
  int round = 0;
again:
  if (round == kind) show("back from a later one", malloc(size));
  size = sizeof(struct large);
  if (round++ < kind) goto again;
}
static void grown(int kind) {
  size_t size = sizeof(struct small);
  int round = 0;
again:
  size += sizeof(double);
  if (round++ < kind) goto again;
  show("more of it each time", malloc(size));
}
static void past_the_use(int kind) {
  size_t size = sizeof(struct large);
  if (kind) goto late;
  size = sizeof(struct small);
again:
  show("past the use, and back", malloc(size));
  return;
late:
  goto again;
}
static void into_a_loop(int kind) {
  size_t size = sizeof(struct large);
  int round = 0;
  if (kind) goto middle;
  size = sizeof(struct small);
  for (; round < 2; ++round) {
    if (round == 1) show("into a loop", malloc(size));
  middle:;
  }
}
static void into_a_loop_by_case(int kind) {
  size_t size = sizeof(struct large);
  int round = 2;
  switch (kind) {
    case 0:
      size = sizeof(struct small);
      do {
        if (round == 1) show("into a loop by a case", malloc(size));
        case 1:;
      } while (--round);
  }
}
static void behind_a_loop(int kind) {
  size_t size = sizeof(struct small);
  int round = 0;
  for (; round < 2; ++round) {
    if (round == 1) show("back into a loop", malloc(size));
    if (kind && round == 0) goto behind;
  resume:;
  }
  return;
behind:
  size = sizeof(struct large);
  goto resume;
}
static void out_of_an_expression(int kind) {
  size_t size = sizeof(struct large);
  size = ({ if (kind) goto out; sizeof(struct small); });
out:
  show("out of an expression", malloc(size));
}
static void multiplied(int kind) {
  size_t size = 32 * kind;
  if (kind) goto there;
  size = kind;
  size *= sizeof(struct small);
there:
  show("past a product", malloc(size));
}
static void into_a_condition(int kind) {
  size_t size = sizeof(struct large);
  if (!kind) {
    size = sizeof(struct small);
  again:
    show("into a condition from behind", malloc(size));
    return;
  }
  goto again;
}
static void multiplied_before(int kind) {
  size_t size = 8 * kind;
  size *= sizeof(struct small);
  if (kind) size = 32 * (kind + 1);
  show("assigned behind the product", malloc(size));
}
static void perhaps_multiplied(int kind) {
  size_t size = 32;
  if (!kind) size *= sizeof(struct small);
  show("perhaps a product", malloc(size));
}
static jmp_buf buffer;
static void jumped_long(void) {
  volatile size_t size = sizeof(struct small);
  if (setjmp(buffer)) {
    show("by longjmp", malloc(size));
    return;
  }
  size = sizeof(struct large);
  longjmp(buffer, 1);
}
// Here nothing is left out.
static void made_of_itself(int kind) {
  size_t size = kind;
  size = size * sizeof(struct small);
  show("made of itself", malloc(size));
}
static void in_case(int kind) {
  size_t size = sizeof(struct large);
  switch (kind) {
    case 0:
      break;
    case 1:
      size = sizeof(struct small);
      show("behind the case", malloc(size));
  }
}
static void tried_again(int kind) {
  size_t size = sizeof(struct large);
  int round = 0;
again:
  size = sizeof(struct small);
  void *block = malloc(size);
  if (round++ < kind) { free(block); goto again; }
  show("assigned each time", block);
}
static void left(int kind) {
  size_t size = sizeof(struct small);
  if (kind > 5) goto out;
  show("before the label", malloc(size));
out:
  size = sizeof(struct large);
  kept = (void *)size;
}
static void before_the_switch(int kind) {
  size_t size = sizeof(struct large);
  size = sizeof(struct small);
  switch (kind) {
    case 1:
      show("before the switch", malloc(size));
  }
}
int main(void) {
  by_case(one);
  by_default(one);
  forwards(one);
  computed(one);
  backwards(one);
  grown(one);
  past_the_use(one);
  into_a_loop(one);
  into_a_loop_by_case(one);
  behind_a_loop(one);
  out_of_an_expression(one);
  multiplied(one);
  perhaps_multiplied(one);
  into_a_condition(one);
  multiplied_before(one);
  jumped_long();
  made_of_itself(one);
  in_case(one);
  tried_again(one);
  left(one);
  before_the_switch(one);
  return 0;
}
END
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
past it to a case: __ONE_OF_large__small 3
past it to the default: __ONE_OF_large__small 3
past it by goto: __ONE_OF_large__small 3
past it by a computed goto: __ONE_OF_large__small 3
back from a later one: __ONE_OF_large__small 3
more of it each time: __FLEX_small____ARR0_float$64 3
past the use, and back: __ONE_OF_large__small 3
into a loop: __ONE_OF_large__small 3
into a loop by a case: __ONE_OF_large__small 3
back into a loop: __ONE_OF_large__small 3
out of an expression: __ONE_OF_large__small 3
past a product: no type
perhaps a product: no type
into a condition from behind: __ONE_OF_large__small 3
assigned behind the product: no type
by longjmp: no type
made of itself: __ARR0_small 3
behind the case: small 3
assigned each time: small 3
before the label: small 3
before the switch: small 3
END
  done
done
