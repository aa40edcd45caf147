#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Another thread frees, resizes, unmaps, unloads or ends what is asked about, after any instruction of the query: each answer is the one before, the one after, one between, or "cannot tell"; never a mixture, never a fault. (25 of them, evenly spread; 400 with ALLOCS_TEST_SIZE=all.)
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "at_every_instruction.h"
static char *asked_about, *block;
static struct alloc_info true_answers[8];
static int true_count;
static unsigned flags;
static void note(void) { alloc_query(asked_about, flags, &true_answers[true_count++]); }

// The changes. Each begins in the state that its own last step leaves, or makes it first.
static void free_it(void) { free(block); }
static void free_and_make_smaller(void) {
  free(block), note();
  block = malloc(1500), note();
  char *other = malloc(400);
  note(), free(other);
}
static void shrink(void) { block = realloc(block, 2000); }
static void move(void) { block = realloc(block, 100000); }
static void trim_to_nothing(void) { block = realloc(block, 0); }
static void make_block(void) { block = malloc(3000), asked_about = block + 1100; }
static void make_small_block(void) { block = malloc(60), asked_about = block + 30; }
static void make_large_block(void) { block = malloc(3000000), asked_about = block + 1234567; }
static void move_large(void) { block = realloc(block, 30000000); }
static void shrink_large(void) { block = realloc(block, 2000000); }
static void nothing(void) {}
static void free_any(void) { free(block); }
static void map(void) { asked_about = 5000 + (char *)(block = mmap((void *)0x600000000000, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }
static void unmap(void) { munmap(block, 65536); }
static void unmap_the_half(void) { munmap(block + 16384, 65536 - 16384); }
static void *library;
static void load(void) { library = dlopen("./plugin.so", RTLD_NOW), asked_about = 40 + (char *)dlsym(library, "plugin"); }
static void unload(void) { dlclose(library); }
static void unload_and_load_another(void) { dlclose(library), note(), library = dlopen("./other.so", RTLD_NOW); }
static sem_t may_end, is_there;
static pthread_t thread;
static void *live(void *unused) { int local; asked_about = (char *)&local; sem_post(&is_there); sem_wait(&may_end); return unused; }
static void start(void) { pthread_create(&thread, NULL, live, NULL); sem_wait(&is_there); }
static void end(void) { sem_post(&may_end); pthread_join(thread, NULL); }
static void end_and_start(void) { end(); note(); char *was = asked_about; start(); asked_about = was; }
static void fork_one(void) { int status; pid_t child = fork(); if (child == 0) _exit(0); waitpid(child, &status, 0); }

static const struct { const char *name; void (*before)(void), (*change)(void), (*after)(void); } kChanges[] = {
  {"free", make_block, free_it, nothing}, {"free small", make_small_block, free_it, nothing},
  {"reuse", make_block, free_and_make_smaller, free_any}, {"shrink", make_block, shrink, free_any},
  {"move", make_block, move, free_any}, {"realloc to nothing", make_block, trim_to_nothing, nothing},
  {"free large", make_large_block, free_it, nothing}, {"shrink large", make_large_block, shrink_large, free_any},
  {"move large", make_large_block, move_large, free_any}, {"munmap", map, unmap, nothing},
  {"half munmap", map, unmap_the_half, unmap}, {"dlclose", load, unload, nothing},
  {"another library", load, unload_and_load_another, unload}, {"thread ends", start, end, nothing},
  {"another thread", start, end_and_start, end}, {"fork", make_block, fork_one, free_any},
};

static sem_t go, gone;
static void (*change)(void);
static void *changer(void *unused) {
  for (;;) { sem_wait(&go); change(); sem_post(&gone); }
  return unused;
}
static long when;
static void interrupt(ucontext_t *context) {
  if (g_instructions != when) return;
  end_stepping(context);
  sem_post(&go), sem_wait(&gone);
}
static int same(const struct alloc_info *a, const struct alloc_info *b) {
  return a->error == b->error && a->allocator == b->allocator && a->base == b->base && a->size == b->size &&
    a->site == b->site && (a->type == b->type || a->type_error == ALLOC_E_NOT_YET || b->type_error == ALLOC_E_NOT_YET);
}
static int is_no_answer(int error) {
  return error == ALLOC_E_BEING_RESIZED || error == ALLOC_E_NOT_YET || error == ALLOC_E_UNINDEXED;
}
int main(int argc, char **argv) {
  const long most_places = argc > 1 ? atol(argv[1]) : 100;
  long wrong = 0;
  sem_init(&go, 0, 0), sem_init(&gone, 0, 0), sem_init(&may_end, 0, 0), sem_init(&is_there, 0, 0);
  pthread_t other;
  pthread_create(&other, NULL, changer, NULL);
  watch_instructions(interrupt);
  for (unsigned way = 0; way < 2; ++way) for (unsigned i = 0; i < sizeof kChanges / sizeof *kChanges; ++i) {
    long asked = 0, no_answer = 0;
    flags = way == 0 ? ALLOC_NOWAIT : 0;
    change = kChanges[i].change;
    // First of all the length, by a query that nobody interrupts.
    long step = 1;
    for (when = LONG_MAX;; when = when == LONG_MAX ? 1 : when + step) {
      struct alloc_info info;
      memset(&info, 0, sizeof info), true_count = 0;
      kChanges[i].before();
      char *const question = asked_about;
      for (int warm = 0; warm < 3; ++warm) alloc_query(question, 0, &info);
      note();
      g_instructions = 0;
      start_stepping();
      alloc_query(question, flags, &info);
      stop_stepping();
      const int is_over = g_instructions < when;
      if (is_over) change();
      note();
      int is_true = is_no_answer(info.error) || is_over;
      no_answer += is_no_answer(info.error);
      for (int k = 0; k < true_count; ++k) is_true |= same(&info, &true_answers[k]);
      if (!is_true && ++wrong < 20) {
        printf("%s, flags %u, instruction %ld: ", kChanges[i].name, flags, when);
        printf("%s %p %zu error %d\n", info.allocator ? info.allocator->name : "-", info.base, info.size, info.error);
        for (int k = 0; k < true_count; ++k) {
          const struct alloc_info *t = &true_answers[k];
          printf("   at %p: %s %p %zu error %d\n", question, t->allocator ? t->allocator->name : "-", t->base, t->size, t->error);
        }
      }
      ++asked;
      kChanges[i].after();
      if (when == LONG_MAX) step = 1 + g_instructions / most_places;
      else if (is_over) break;
    }
    fprintf(stderr, "%s, flags %u: %ld places, %ld times cannot tell\n", kChanges[i].name, flags, asked, no_answer);
  }
  printf("%ld wrong\n", wrong);
}
END
echo "int plugin[100] = {1}; int f(void) { return plugin[3]; }" > plugin.c
$CC -g -shared -fPIC -o plugin.so plugin.c
echo "char another[300] = {2}; int plugin[100] = {1}; int f(void) { return plugin[3]; }" > other.c
$CC -g -shared -fPIC -o other.so other.c
build a.c -O1 -pthread -I"$ALLOCS_SOURCE/tests/programs" -ldl
[ "${ALLOCS_TEST_SIZE:-}" = all ] && places=400 || places=25
preload ./a $places > out || fail "exit status $?: $(cat out)"
expect out << 'END'
0 wrong
END
