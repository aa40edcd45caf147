#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What asks about many places of a stack in one call walks over it once: with eight times as many frames, each of which has saved a register, it takes eight times as many
# instructions, not sixty-four times. One question about the outermost frame takes few for each of the others.
. "$(dirname "$0")/lib.sh"
require valgrind python3

cat > a.c << 'END'
#include <allocs/allocator.h>
#include <allocs/frame.h>
#include <allocs/walk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))
struct node { struct node *next; long n; };
static const char *kind;
static struct node *the_p;
static struct { long referrers, pointers, frames, described, slots; } found;

static int referrer(const struct alloc_reference *reference, void *unused) {
  (void)unused;
  const char *at = reference->at, *here = __builtin_frame_address(0);
  found.referrers += at > here && at < here + (1 << 22);
  return 0;
}
static int place(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *unused) {
  (void)unused;
  const int is_down = frame->function != NULL && strcmp(frame->function, "down") == 0;
  found.slots += is_down && place->part == ALLOC_PART_SAVED_REGISTER && place->variable != NULL && strcmp(place->variable, "p") == 0;
  found.pointers += is_down && place->part == ALLOC_PART_REGISTER && place->variable != NULL && strcmp(place->variable, "p") == 0;
  return 0;
}
static int step(const struct alloc_step *step, void *unused) {
  (void)unused;
  found.frames += strcmp(step->allocation.allocator->name, "stackframe") == 0;
  return 0;
}

static void NOINLINE measured(struct alloc_info *stack) {
  int here = 0;
  if (strcmp(kind, "referrers") == 0) alloc_walk_referrers(the_p, 0, referrer, NULL);
  if (strcmp(kind, "frames") == 0) alloc_walk_frame(&here, ALLOC_FRAME_AND_CALLERS, place, NULL);
  if (strcmp(kind, "tree") == 0) alloc_walk_tree(stack, 0, step, NULL);
  if (strcmp(kind, "cursor") == 0) {
    struct alloc_cursor cursor;
    struct alloc_info child;
    alloc_begin_children(stack, 0, &cursor);
    while (alloc_next_child(&cursor, &child) == 1) found.frames += strcmp(child.allocator->name, "stackframe") == 0;
  }
  if (strcmp(kind, "one") == 0) {
    char text[1000];
    const char *const *last = NULL, *const *word = __builtin_frame_address(0);
    for (const char *const *end = stack->base + stack->size; word < end; ++word)
      if (*word == (const char *)the_p) last = word;
    alloc_describe_wait(last, text, sizeof text);
    found.described = strstr(text, "down::(saved ") != NULL;
  }
  __asm__ volatile("" : : "r"(&here) : "memory");
}
static long NOINLINE bottom(void) {
  struct alloc_info frame, stack;
  alloc_query(__builtin_frame_address(0), 0, &frame);
  alloc_get_parent(&frame, 0, &stack);
  measured(&stack);
  if (strcmp(kind, "core") == 0) abort();
  return 0;
}
static void NOINLINE nothing(void) { __asm__ volatile("" : : : "memory"); }
static long NOINLINE down(struct node *p, long left) {
  nothing();
  const long below = left == 0 ? bottom() : down(p, left - 1);
  __asm__ volatile("" : : "r"(p) : "memory");
  return below + p->n;
}
int main(int argc, char **argv) {
  kind = argv[1];
  the_p = calloc(1, sizeof *the_p);
  down(the_p, atol(argv[2]));
  printf("%ld referrers, %ld saved, %ld in registers, %ld frames, %ld described\n", found.referrers, found.slots, found.pointers, found.frames, found.described);
  return argc != 3;
}
END
build a.c -O2 -fno-optimize-sibling-calls -Wall -Werror
allocs meta build ./a > made

# The answers first: each frame of down() but the outermost is told to have saved its caller's p.
for case in 'referrers * 0 saved, 0 in registers, 0 frames, *' 'frames 0 referrers, 400 saved, 401 in registers, 0 frames, *' \
  'tree 0 referrers, 0 saved, 0 in registers, 4[01]? frames, *' 'one 0 referrers, *, 1 described'; do
  preload ./a "${case%% *}" 400 > out
  expect_line out "${case#* }"
done
preload ./a referrers 400 > out
referrers=$(sed 's/ .*//' out)
[ "$referrers" -ge 400 ] || fail "only $referrers referrers are told"

cat > ratio.py << 'END'
import re, subprocess, sys

def count(kind, frames):
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--callgrind-out-file=/dev/null", "--main-stacksize=33554432", "./a", kind, str(frames)]
    told = subprocess.run(command, env=dict(__import__("os").environ, LD_PRELOAD=sys.argv[1]), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : ([0-9]+)", told.stderr)[1])

for kind in sys.argv[2:]:
    few, many = count(kind, 500), count(kind, 4000)
    print(f"{kind}: {few} instructions for 500 frames, {many} for 4000: {many / few:.1f} times")
    if kind in ("referrers", "frames", "tree") and many > 12 * few:
        sys.exit(f"{kind}: that grows faster than the number of frames")
    if kind == "one" and many - few > 800 * 3500:
        sys.exit(f"{kind}: {(many - few) / 3500:.0f} instructions for each frame further out")
END
python3 ratio.py "$PRELOAD" referrers frames tree one || fail "a walk begins again for each place"
