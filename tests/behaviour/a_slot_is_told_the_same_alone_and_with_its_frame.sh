#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a saved register holds is the same whether its address is asked about, which takes a short way, or all the frames are listed: in plain frames, with arrays of variable length, in frames that are
# realigned, beyond a signal handler, and in the frames of functions that keep variables at a distance from a register.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <alloca.h>
#include <allocs/frame.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
#define KEEP(x) __asm__ volatile("" : : "r"(x) : "memory")
struct node { struct node *next; long n; };
static long slots, typed, wrong, other;
static int check(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *unused) {
  (void)unused;
  if (place->part != ALLOC_PART_SAVED_REGISTER && place->part != ALLOC_PART_RETURN_ADDRESS) return 0;
  struct alloc_path_entry path[32];
  const int depth = alloc_get_path(place->at, 0, path, 32);
  const struct alloc_path_entry *last = &path[depth - 1];
  if (depth <= 0 || last->name == NULL || last->name[0] != '(') return ++other, 0;
  ++slots;
  typed += place->type != NULL;
  const int is_return = strcmp(last->name, "(return address)") == 0;
  if (last->type != place->type || last->base != place->at || is_return != (place->part == ALLOC_PART_RETURN_ADDRESS)) {
    printf("%s at %p: %s\n", frame->function, place->at, last->name);
    ++wrong;
  }
  return 0;
}
static long NOINLINE bottom(void) {
  int here = 0;
  KEEP(&here);
  return alloc_walk_frame(&here, ALLOC_FRAME_AND_CALLERS, check, NULL);
}
static long NOINLINE down(struct node *p, long left, long kind);
static long NOINLINE plain(struct node *p, long left) { const long below = down(p->next, left, 1); KEEP(p); return below + p->n; }
static long NOINLINE variable(struct node *p, long left) {
  long array[left + 2];
  KEEP(array);
  const long below = down(p->next, left, 2);
  KEEP(p);
  KEEP(array);
  return below + p->n + (array[0] = left);
}
static long NOINLINE realigned(struct node *p, long left) {
  long wide[4] __attribute__((aligned(64))) = {left};
  KEEP(wide);
  const long below = down(p->next, left, 3);
  KEEP(p);
  KEEP(wide);
  return below + p->n + wide[0];
}
static long NOINLINE block(struct node *p, long left) {
  char *bytes = alloca(16 * (size_t)left + 16);
  KEEP(bytes);
  const long below = down(p->next, left, 4);
  KEEP(p);
  KEEP(bytes);
  return below + p->n + (bytes[0] = 1);
}
static long NOINLINE many(struct node *p, long a, long b, long c, long d, long e, long f, long left) {
  const long below = down(p->next, left, 0);
  KEEP(p);
  return below + a * b + c * d + e * f + p->n;
}
static long NOINLINE down(struct node *p, long left, long kind) {
  if (left == 0) return bottom();
  long below;
  switch (kind) {
    case 0: below = plain(p, left - 1); break;
    case 1: below = variable(p, left - 1); break;
    case 2: below = realigned(p, left - 1); break;
    case 3: below = block(p, left - 1); break;
    default: below = many(p, left, 2, 3, 4, 5, 6, left - 1);
  }
  KEEP(p);
  return below + p->n;
}
static struct node *ring;
static void handler(int number) { down(ring, 20, number == 0); }
int main(void) {
  ring = calloc(1, sizeof *ring);
  ring->next = ring;
  down(ring, 40, 0);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("%s slots, %s typed, %ld wrong, %ld otherwise\n", slots > 150 ? "many" : "few", typed > 100 ? "many" : "few", wrong, other);
  return 0;
}
END
for compiler in "$CC" clang-19; do
  command -v "${compiler%% *}" > /dev/null || continue
  CC=$compiler
  for level in -O2 -O0 '-O2 -fno-omit-frame-pointer'; do
    # shellcheck disable=SC2086
    build a.c $level -fno-optimize-sibling-calls -Wall -Werror
    allocs meta build ./a > made
    preload ./a > out || fail "$compiler $level: exit status $?"
    case $level in
      -O0) expect_line out 'many slots, * typed, 0 wrong, *' ;;
      *) expect_line out 'many slots, many typed, 0 wrong, *' ;;
    esac
  done
done
