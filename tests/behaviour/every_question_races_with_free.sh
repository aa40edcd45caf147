#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Threads free, resize, hold, move and make pools of blocks, and map and unmap, while others put every question there is to the same addresses, and try every change that is refused: none faults or
# waits for ever, and what is told of an address was so at some moment: it is that of something that contains it.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/container.h>
#include <allocs/elf_file.h>
#include <allocs/frame.h>
#include <allocs/interpreter.h>
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <allocs/walk.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct node { struct node *next; long value; };
static struct node a_node;
enum { SLOTS = 32 };
static _Atomic(char *) places[SLOTS]; /* some address that is, or was, in something */
static _Atomic long asked[64], answered[64], wrong;
static _Atomic int quit;
static struct uniqtype *type;
static unsigned pick(unsigned *seed, unsigned n) { return (*seed = *seed * 1103515245 + 12345) / 65536 % n; }

static int find(void *context, const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)flags;
  const size_t into = (size_t)((const char *)at - (const char *)parent->base) / 16 * 16;
  if (into + 16 > parent->size) return ALLOC_E_NOTHING_THERE;
  out->base = (const char *)parent->base + into, out->size = 16;
  return 0;
}
static int next(void *context, const struct alloc_info *parent, const void *from, unsigned flags, struct alloc_info *out) {
  const size_t into = ((size_t)((const char *)from - (const char *)parent->base) + 15) / 16 * 16;
  return into >= parent->size ? ALLOC_E_NOTHING_THERE : find(context, parent, (const char *)parent->base + into, flags, out);
}
static struct allocator slots = {"slots"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = next};

/* ---- who changes: each thread its own places ---- */

static void *change_blocks(void *which) {
  unsigned seed = (unsigned)(long)which;
  char *mine[SLOTS / 2] = {0};
  for (int n = 0; !quit; ++n) {
    const unsigned i = pick(&seed, SLOTS / 2 / 2) + (unsigned)(long)which * SLOTS / 4, k = i % (SLOTS / 4);
    char *block = mine[k];
    void *base = NULL;
    if (block == NULL) {
      if (pick(&seed, 2) && alloc_new(&__default_lib_malloc_allocator, type, 1 + pick(&seed, 8), &base) == 0) block = base, ((struct node *)block)->next = &a_node;
      else block = calloc(1, 16 + pick(&seed, 300));
    } else {
      switch (pick(&seed, 6)) {
        case 0: block = realloc(block, 16 + pick(&seed, 300)); break;
        case 1: if (alloc_migrate(block, NULL, NULL, &base) == 0) block = base; break;
        case 2: alloc_hold(block, alloc_counted_holder()), free(block), alloc_let_go(block, alloc_counted_holder()), block = NULL; break;
        case 3: if (alloc_promote(block, &slots) == 0) sched_yield(), alloc_demote(block); break;
        case 4: if (alloc_make_sequence(block, alloc_string_family()) == 0) sched_yield(), alloc_demote(block); break;
        default: free(block), block = NULL;
      }
    }
    mine[k] = block;
    if (block != NULL) places[i] = block + pick(&seed, 16);
  }
  return NULL;
}
static void *change_mappings(void *which) {
  unsigned seed = 99;
  while (!quit) {
    const unsigned i = SLOTS / 2 + pick(&seed, SLOTS / 2);
    /* What the program maps itself may be one with its neighbours: that is not to be freed by its address. */
    void *at = NULL;
    const int is_plain = (int)pick(&seed, 2);
    if (is_plain) at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (alloc_new(&__mmap_allocator, type, 500, &at) != 0) continue;
    places[i] = (char *)at + pick(&seed, 8000);
    sched_yield();
    if (is_plain) munmap(at, 8192);
    else if (alloc_free(at) != 0) ++wrong;
  }
  return (void)which, NULL;
}

/* ---- who asks ---- */

static int count_block(const struct alloc_info *info, void *context) { return (void)info, ++*(int *)context > 50; }
static int count_step(const struct alloc_step *step, void *context) { return (void)step, ++*(int *)context > 50; }
static int count_subobject(const struct alloc_subobject *subobject, void *context) { return (void)subobject, ++*(int *)context, 0; }
static int count_reference(const struct alloc_reference *reference, void *context) { return (void)reference, ++*(int *)context > 50; }
static int count_reached(const struct alloc_reached *reached, void *context) { return (void)reached, ++*(int *)context > 20; }
static int count_interpreted(const struct alloc_step *place, const struct alloc_referent *referent, void *context) { return (void)place, (void)referent, ++*(int *)context > 50; }
static int count_place(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *context) { return (void)frame, (void)place, ++*(int *)context, 0; }

static char *steady;
enum { QUESTIONS = 26 };
static int ask(int which, const char *at, unsigned flags) {
  struct alloc_info info, parent, child;
  struct alloc_cursor cursor;
  struct alloc_traits traits;
  struct alloc_path_entry path[20];
  struct alloc_referent referent;
  struct alloc_reference steps[3];
  struct alloc_held_by holders[3];
  struct alloc_elements elements;
  struct alloc_element element;
  char text[300];
  int count = 0, error = 0;
  void *base = NULL;
  if (which < 20) {
    error = alloc_query(at, flags, &info);
    if (error == 0 && ((const char *)info.base > at || (const char *)info.base + info.size <= at)) ++wrong;
  }
  if (error != 0 && which < 12) return error;
  switch (which) {
    case 0: return error;
    case 1: return alloc_get_parent(&info, flags, &parent);
    case 2: error = alloc_get_parent(&info, flags, &parent); return error != 0 ? error : alloc_get_child(&parent, at, flags, &child);
    case 3:
      error = alloc_begin_children(&info, flags, &cursor);
      while (error >= 0 && count++ < 20 && (error = alloc_next_child(&cursor, &child)) == 1) if ((const char *)child.base < (const char *)info.base) ++wrong;
      return error > 0 ? 0 : error;
    case 4: return alloc_get_traits(&info, &traits);
    case 5: error = alloc_walk_tree(&info, ALLOC_WALK_SUBOBJECTS, count_step, &count); return error > 0 ? 0 : error;
    case 6:
      if (info.type != NULL) (void)alloc_walk_parts(info.base, info.type, info.size, flags, count_subobject, &count);
      return alloc_walk_covering(at, 3, flags, count_subobject, &count);
    case 7: error = alloc_walk_references(at, 0, count_reference, &count); return error > 0 ? 0 : error;
    case 8: return alloc_interpret(at, alloc_pointer_interpreter(), flags, &referent);
    case 9: error = alloc_walk_interpreted(&info, alloc_pointer_interpreter(), 0, count_interpreted, &count); return error > 0 ? 0 : error;
    case 10: return alloc_get_holders(at, holders, 3) > 0 ? 0 : -1;
    case 11: error = alloc_begin_elements(info.type == NULL ? type : info.type, at, &elements); while (error == 0 && count++ < 5 && alloc_next_element(&elements, &element) == 1) continue; return error;
    case 12: error = alloc_get_path(at, flags, path, 20); return error > 0 ? 0 : error;
    case 13: error = alloc_format_path(at, flags, text, sizeof text); return error > 0 ? 0 : error;
    case 14: return alloc_describe(at, text, sizeof text) > 0 ? 0 : -1;
    case 15: return alloc_describe_wait(at, text, sizeof text) > 0 ? 0 : -1;
    case 16: return alloc_get_allocator(at) != NULL && alloc_get_base(at) != NULL && alloc_get_size(at) != 0 ? (void)alloc_get_type(at), (void)alloc_get_site(at), 0 : -1;
    case 17: wrong += alloc_walk_frame(at, flags, count_place, &count) == 0; return 0;
    case 18: error = alloc_walk_blocks(flags, count_block, &count); return error > 0 ? 0 : error;
    case 19: error = alloc_walk_blocks_of_type(type, flags, count_block, &count); return error > 0 ? 0 : error;
    case 20: error = alloc_walk_graph(0, count_reached, &count); return error > 0 ? 0 : error;
    /* Blocks that come and go are mostly gone when all memory has been read. */
    case 21: error = alloc_find_route(at, 0, steps, 3); return error <= 0 && error != ALLOC_E_NOTHING_THERE && error != ALLOC_E_NO_SUCH_OPERATION ? error : alloc_find_route(steady, 0, steps, 3) > 0 ? 0 : ++wrong;
    case 22: error = alloc_walk_referrers(at, 0, count_reference, &count); return error > 0 ? 0 : error;
    /* Refused whatever is there. */
    case 23: return alloc_set_type(at, NULL) == ALLOC_E_INVALID && alloc_hold(at, NULL) == ALLOC_E_INVALID && alloc_promote(at, NULL) == ALLOC_E_INVALID ? 0 : ++wrong;
    case 24: return alloc_make_elf_file(at, 0) == ALLOC_E_INVALID && alloc_migrate(at, NULL, NULL, NULL) == ALLOC_E_INVALID ? 0 : ++wrong;
    default: return alloc_let_go(at, alloc_reachability_holder()) < 0 && alloc_resize(at, 1, 64, &base) == ALLOC_E_INVALID ? 0 : ++wrong;
  }
}
static void *ask_all(void *turns) {
  unsigned seed = (unsigned)(long)turns;
  for (long n = 0; n < (long)turns; ++n) {
    int which = (int)pick(&seed, QUESTIONS);
    if (which >= 20 && which <= 22 && pick(&seed, 20) != 0) which = 0; /* these read all memory */
    const char *const at = places[pick(&seed, SLOTS)];
    const int error = ask(which, at, pick(&seed, 2) ? ALLOC_NOWAIT : 0);
    asked[which]++;
    answered[which] += error == 0;
  }
  return NULL;
}

int main(void) {
  pthread_t threads[5];
  type = alloc_get_type(&a_node);
  steady = malloc(100);
  alloc_register_allocator(&slots, &protocol);
  pthread_create(&threads[0], NULL, change_blocks, (void *)0l), pthread_create(&threads[1], NULL, change_blocks, (void *)1l), pthread_create(&threads[2], NULL, change_mappings, NULL);
  usleep(10000);
  pthread_create(&threads[3], NULL, ask_all, (void *)20001l), pthread_create(&threads[4], NULL, ask_all, (void *)20000l);
  pthread_join(threads[3], NULL), pthread_join(threads[4], NULL);
  quit = 1;
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  int never = 0;
  for (int i = 0; i < QUESTIONS; ++i) {
    if (asked[i] == 0 || (answered[i] == 0 && i != 11)) ++never, printf("question %d: asked %ld, never answered\n", i, asked[i]);
    fprintf(stderr, "%d: %ld of %ld\n", i, answered[i], asked[i]);
  }
  printf("%ld wrong, %d never\n", wrong, never);
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 wrong, 0 never
EOF
