#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a thread says of its own frames is what the one that has stopped it is told: nested calls, a handler on an alternate stack and what it
# interrupted, a fibre, a thread in the middle of malloc; and from outside meanwhile. A thread whose stack pointer is nonsense harms nobody.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <allocs/stop.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define SIGNAL (SIGRTMIN + 4)
#define NOINLINE __attribute__((noinline))
struct point { int x, y; struct point *next; };

/* ---- what threads say of themselves ---- */

enum { kMost = 4096 };
static struct said {
  const void *at, *base;
  size_t size;
  const char *allocator;
  char path[160];
  int thread, error, type_error;
} table[kMost];
static int said, ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void look(const void *at, struct said *into) {
  struct alloc_info info;
  into->error = alloc_query(at, 0, &info);
  into->at = at;
  into->base = info.base;
  into->size = info.size;
  into->allocator = info.allocator == NULL ? "" : info.allocator->name;
  into->thread = info.thread;
  into->type_error = info.type_error;
  alloc_format_path(at, 0, into->path, sizeof into->path);
}
static void NOINLINE say(const void *begin, size_t size) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < size && said < kMost; i += 4) look((const char *)begin + i, &table[said++]);
  pthread_mutex_unlock(&lock);
}
#define SAY(variable) say(&variable, sizeof variable)

static void NOINLINE rest(void) {
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  for (;;) pause();
}

static int NOINLINE deeper(int depth, struct point *outer) {
  struct point here = {depth, depth, outer};
  char text[24] = "kept";
  SAY(here);
  SAY(text);
  SAY(depth);
  if (depth == 0) rest();
  return deeper(depth - 1, &here) + text[0] + here.x;
}
static void *nested(void *unused) {
  long many[16] = {1};
  SAY(many);
  return deeper(6, NULL) == (int)many[1] ? unused : NULL;
}

static int NOINLINE in_handler(int number) {
  struct point of_handler = {number, number, NULL};
  SAY(of_handler);
  rest();
  return of_handler.x;
}
static void handler(int number) { in_handler(number); }
static void *interrupted(void *unused) {
  struct point below = {1, 2, NULL};
  stack_t alternate = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&alternate, NULL);
  SAY(below);
  pthread_kill(pthread_self(), SIGUSR2);
  return below.x == 3 ? unused : NULL;
}

static ucontext_t fibre, back;
static void on_fibre(void) {
  struct point of_fibre[3] = {{1, 2, NULL}};
  SAY(of_fibre);
  rest();
  if (of_fibre[0].x == 7) swapcontext(&fibre, &back);
}
static void *runs_fibre(void *unused) {
  getcontext(&fibre);
  fibre.uc_stack.ss_sp = malloc(1 << 16);
  fibre.uc_stack.ss_size = 1 << 16;
  fibre.uc_link = &back;
  makecontext(&fibre, on_fibre, 0);
  swapcontext(&back, &fibre);
  return unused;
}

static void *allocates(void *unused) {
  struct point of_malloc = {1, 2, NULL};
  SAY(of_malloc);
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  for (;;) free(malloc((size_t)of_malloc.y * 8));
  return unused;
}

/* Its stack pointer is a counter; signals come on the alternate stack. */
static void *counts_with_rsp(void *unused) {
  stack_t alternate = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&alternate, NULL);
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  asm volatile("movq %0, %%rsp\n1: addq $8, %%rsp\n jmp 1b" : : "r"((uintptr_t)unused) : "memory");
  return unused;
}

/* ---- who stops them ---- */

static int same(const struct said *a, const struct said *b) {
  return a->base == b->base && a->size == b->size && a->allocator == b->allocator && a->thread == b->thread &&
         a->error == b->error && a->type_error == b->type_error && strcmp(a->path, b->path) == 0;
}

static void ask_again(const char *when) {
  int right = 0, refused = 0, other = 0;
  for (int i = 0; i < said; ++i) {
    struct said now;
    look(table[i].at, &now);
    if (same(&now, &table[i])) {
      ++right;
    } else if (now.error == 0 && now.type_error == ALLOC_E_OTHER_THREAD && now.thread == table[i].thread) {
      ++refused;
    } else if (other++ == 0 && strcmp(when, "stopped") == 0) {
      fprintf(stderr, "%s of %d in %s: said %s %p %zu %s %d, now %s %p %zu %s %d %d\n", when, table[i].thread, table[i].path,
              table[i].allocator, table[i].base, table[i].size, table[i].path, table[i].thread, now.allocator, now.base,
              now.size, now.path, now.thread, now.error);
    }
  }
  printf("%s: right %d, refused %d, other %d\n", when, right, refused, other);
}

/* The frames in the stack that holds `at`, innermost first. */
static void list_frames(const void *at) {
  struct alloc_info parent, child;
  struct alloc_cursor cursor;
  if (alloc_query(at, 0, &child) != 0 || alloc_get_parent(&child, 0, &parent) != 0) return;
  if (alloc_begin_children(&parent, 0, &cursor) != 0) return;
  int calls = 0;
  while (alloc_next_child(&cursor, &child) == 1) {
    if (child.name != NULL && strcmp(child.name, "deeper") == 0 && child.type != NULL) ++calls;
    if (child.name != NULL && strcmp(child.name, "nested") == 0 && calls != 0) {
      printf("nested calls deeper %d times\n", calls);
      calls = 0;
    }
  }
}

static void ask_wildly(void) {
  unsigned long random = 7, frames = 0;
  for (int i = 0; i < 100000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    struct alloc_info info;
    const char *near = table[(random >> 33) % (unsigned)said].at;
    if (alloc_query(near + (random >> 20) % 8192 - 4096, 0, &info) == 0 && strcmp(info.allocator->name, "stackframe") == 0) ++frames;
  }
  printf("wild: %s\n", frames > 1000 ? "frames" : "few");
}

int main(int argc, char **argv) {
  pthread_t threads[16];
  int count = 0;
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR2, &action, NULL);
  for (int i = 0; i < 3; ++i) pthread_create(&threads[count++], NULL, nested, NULL);
  pthread_create(&threads[count++], NULL, interrupted, NULL);
  pthread_create(&threads[count++], NULL, runs_fibre, NULL);
  pthread_create(&threads[count++], NULL, allocates, NULL);
  char *unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (argc > 1) {
    pthread_create(&threads[count++], NULL, counts_with_rsp, unmapped);
    pthread_create(&threads[count++], NULL, counts_with_rsp, (void *)0x123456789abc);
  }
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < count) usleep(1000);
  usleep(20000);
  ask_again("running");
  if (alloc_stop_others(SIGNAL, 20000, NULL) != 0) return 2;
  ask_again("stopped");
  int first = 0; /* whichever thread came first */
  while (first + 1 < said && strstr(table[first].path, "deeper") == NULL) ++first;
  list_frames(table[first].at);
  ask_wildly();
  if (argc > 2) {
    FILE *list = fopen(argv[2], "w");
    for (int i = 0; i < said; i += 3) fprintf(list, "%p %s\n", table[i].at, table[i].path);
    fclose(list);
    puts("ready");
    fflush(stdout);
    getchar();
  }
  alloc_resume_others();
  ask_again("again");
  return 0;
}
EOF

for flags in "-O0" "-O2 -fno-ipa-cp -fno-ipa-sra"; do
  # shellcheck disable=SC2086
  build a.c $flags -fno-optimize-sibling-calls -pthread -Wall -Werror -Wno-infinite-recursion
  allocs meta build ./a > made
  for argument in "" wild; do
    # shellcheck disable=SC2086
    preload ./a $argument > out || fail "$flags $argument: exit status $?"
    # Stacks that are blocks of malloc are these while their threads run.
    expect out << 'EOF'
running: right 0, refused 335, other 16
stopped: right 351, refused 0, other 0
nested calls deeper 7 times
wild: frames
again: right 0, refused 335, other 16
EOF
  done
  # From outside the threads are in the handler that stops them, which must be unwound.
  start_guest ./a wild list
  # shellcheck disable=SC2046
  allocs what --json $pid $(cut -d ' ' -f 1 list) > outside || fail "from outside: exit status $?"
  echo >&3
  exec 3>&-
  rm input
  python3 - << 'EOF' || fail "$flags: from outside"
import json
said = [line.split(" ", 1) for line in open("list").read().splitlines()]
found = {int(each["address"], 16): each for each in json.load(open("outside"))}
wrong = [(at, path, found.get(int(at, 16))) for at, path in said
         if found.get(int(at, 16), {}).get("path") != path]
assert len(said) == 117 and not wrong, f"{len(wrong)} of {len(said)}, the first: {wrong[:1]}"
EOF
done
