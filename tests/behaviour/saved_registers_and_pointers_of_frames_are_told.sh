#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Return addresses and saved registers are named parts of their frames, with the caller's variable that a saved register holds, and each word and register of a frame is told to
# be a pointer, none, or unknown: of the asker's frames, of a stopped thread's, from outside and in a core. What a caller keeps in a saved register stays where it is.
. "$(dirname "$0")/lib.sh"
require python3

cat > a.c <<'EOF2'
#define _GNU_SOURCE
#include <allocs/frame.h>
#include <allocs/move.h>
#include <allocs/stop.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIGNAL (SIGRTMIN + 3)
#define NOINLINE __attribute__((noinline))
/* So that the function saves for its caller whatever that keeps in registers. */
#define ZERO "xor %%ebx, %%ebx; xor %%r12, %%r12; xor %%r13, %%r13; xor %%r14, %%r14; xor %%r15, %%r15; "
#ifdef __OPTIMIZE__
#define USE_ALL_REGISTERS __asm__ volatile(ZERO "xor %%ebp, %%ebp" : : : "rbx", "rbp", "r12", "r13", "r14", "r15", "memory")
#else
#define USE_ALL_REGISTERS __asm__ volatile(ZERO : : : "rbx", "r12", "r13", "r14", "r15", "memory")
#endif
struct node { struct node *next; long n; char text[16]; };

struct told {
  int return_address, saved_p, saved_n, next, n, text, in_register, wrong;
  const void *slot_of_p, *return_slot, *caller;
};
static struct node *the_p;
static long the_n;

static int is_(const char *a, const char *b) { return a != NULL && strcmp(a, b) == 0; }

static int visit(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *context) {
  struct told *told = context;
  told->caller = frame->caller;
  if (place->part == ALLOC_PART_RETURN_ADDRESS) {
    told->return_address += place->holds == ALLOC_HOLDS_POINTER && place->at == (const char *)frame->end - 8;
    told->return_slot = place->at;
  } else if (place->part == ALLOC_PART_SAVED_REGISTER && is_(place->function, "outer")) {
    if (is_(place->variable, "p")) {
      told->saved_p += place->holds == ALLOC_HOLDS_POINTER && place->value == (uintptr_t)the_p;
      told->wrong += place->value != (uintptr_t)the_p;
      told->slot_of_p = place->at;
    } else if (is_(place->variable, "n")) {
      told->saved_n += place->holds == ALLOC_HOLDS_NO_POINTER && place->value == (uint64_t)the_n;
      told->wrong += place->value != (uint64_t)the_n;
    }
  } else if (place->part == ALLOC_PART_REGISTER && is_(place->variable, "p") && is_(frame->function, "outer")) {
    told->in_register += place->holds == ALLOC_HOLDS_POINTER && place->value == (uintptr_t)the_p && place->at == told->slot_of_p;
  } else if (place->part == ALLOC_PART_VARIABLE && is_(place->variable, "here")) {
    if (place->holds == ALLOC_HOLDS_POINTER) told->next += place->value == (uintptr_t)the_p && place->type == alloc_get_type(&the_p);
    if (place->holds == ALLOC_HOLDS_NO_POINTER) told->n += place->size == 8;
    if (place->holds == ALLOC_HOLDS_UNKNOWN) told->text += place->size == 16;
  }
  return 0;
}

static void NOINLINE look(const char *when, const struct node *here, unsigned flags) {
  struct told told = {0};
  if (alloc_walk_frame(here, flags, visit, &told) != 0) told.wrong = 99;
  /* From the caller only what its registers hold. */
  struct told ignored = told;
  ignored.in_register = 0;
  if (alloc_walk_frame(told.caller, flags, visit, &ignored) != 0) told.wrong = 98;
  printf("%s: return address %d, p %d, n %d, p in its register %d, next %d, n %d, text %d, wrong %d\n", when, told.return_address, told.saved_p,
         told.saved_n, ignored.in_register, told.next, told.n, told.text, told.wrong);
  char path[100] = "", text[1000] = "";
  alloc_format_path(told.return_slot, 0, path, sizeof path);
  puts(path);
  if (told.slot_of_p == NULL) return;
  alloc_format_path((const char *)told.slot_of_p + 3, 0, path, sizeof path);
  alloc_describe(told.slot_of_p, text, sizeof text);
  struct alloc_path_entry steps[16];
  const int depth = alloc_get_path(told.slot_of_p, 0, steps, 16);
  const struct alloc_path_entry *last = &steps[depth - 1];
  printf("%.15s %s, %s %d\n", path, strstr(text, "which holds outer::p") != NULL ? "holds p" : text, strncmp(last->name, "(saved r", 8) == 0 ? "a step" : last->name,
         last->base == told.slot_of_p && last->size == 8 && last->type == alloc_get_type(&the_p));
}

static volatile int phase;
static uintptr_t volatile of_thread;
static int waits;
static long NOINLINE middle(void) {
  struct node here = {the_p, 7, "text"};
  USE_ALL_REGISTERS;
  if (waits) {
    of_thread = (uintptr_t)&here;
    phase = 1;
    while (phase != 2) usleep(1000);
  } else {
    look("asker", &here, 0);
    look("without waiting", &here, ALLOC_NOWAIT);
  }
  return here.n;
}
/* clang says that p is where it was passed until the first call has returned, although it has been put elsewhere before. */
static void NOINLINE nothing(void) { __asm__ volatile("" : : : "memory"); }
static long NOINLINE outer(struct node *p, long n) {
  nothing();
  const long sum = middle();
  return sum + p->n + n;
}
static void *run(void *unused) { return outer(the_p, the_n) == 1 ? unused : NULL; }

/* ---- moving ---- */
static uintptr_t secret;
static const char *outcome;
static void NOINLINE wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); __asm__ volatile("" : : "r"(dead) : "memory"); }
static int NOINLINE migrate(void) {
  USE_ALL_REGISTERS;
  struct alloc_moving moving = {0};
  void *base = NULL;
  const int error = alloc_migrate((void *)~secret, NULL, &moving, &base);
  if (error == 0) secret = ~(uintptr_t)base;
  return error;
}
static long NOINLINE keeps(struct node *p) {
  wipe();
  const int error = migrate();
  outcome = error == 0 ? ((uintptr_t)p == ~secret ? "follows" : "DANGLES") : ((uintptr_t)p == ~secret ? "stays" : "GONE");
  return p->n;
}
static void NOINLINE make(void) {
  struct node *made = calloc(1, sizeof *made);
  made->n = 5;
  secret = ~(uintptr_t)made;
}

int main(int argc, char **argv) {
  the_p = calloc(1, sizeof *the_p);
  the_n = (long)(uintptr_t)the_p + 1;
  outer(the_p, the_n);
  make();
  const long n = keeps((struct node *)~secret);
  printf("kept in a register: %s %ld\n", outcome, n);
  pthread_t thread;
  waits = 1;
  pthread_create(&thread, NULL, run, NULL);
  while (phase != 1) usleep(1000);
  if (alloc_stop_others(SIGNAL, 20000, NULL) != 0) return 2;
  look("stopped", (const struct node *)of_thread, 0);
  alloc_resume_others();
  fflush(stdout);
  if (argc > 1) {
    FILE *list = fopen(argv[1], "w");
    fprintf(list, "%p\n", (void *)of_thread);
    fclose(list);
    puts("ready");
    fflush(stdout);
    if (argc > 2) __builtin_trap();
    getchar();
  }
  phase = 2;
  pthread_join(thread, NULL);
  return 0;
}
EOF2

cat > outside.py <<'EOF2'
import json, subprocess, sys
target, here = sys.argv[1], int(open("list").read(), 16)
threads = json.loads(subprocess.run(["allocs", "frames", "--json", target], stdout=subprocess.PIPE, check=True).stdout)
[middle] = [f for t in threads for f in t["frames"] if int(f["base"], 16) <= here < int(f["cfa"], 16)]
assert middle["function"] == "middle", middle
[p] = [p for p in middle["places"] if p.get("occupant") == "outer::p"]
assert (p["part"], p["holds"], p["type_as_written"]) == ("saved register", "pointer", "struct node *"), p
[back] = [p for p in middle["places"] if p["part"] == "return address"]
kinds = {p["size"]: p["holds"] for p in middle["places"] if p.get("occupant") == "middle::here"}
assert kinds in ({8: "no pointer", 16: "unknown"}, {8: "pointer", 16: "unknown"}), kinds
what = json.loads(subprocess.run(["allocs", "what", "--json", target, p["address"], back["address"]], stdout=subprocess.PIPE, check=True).stdout)
assert what[0]["slot"] == {"path": f"middle::(saved {p['register']})", "register": p["register"], "holds": "outer::p",
                           "type_as_written": "struct node *"}, what[0]
assert what[1]["slot"] == {"path": "middle::(return address)", "register": "rip"}, what[1]
EOF2

for compiler in "$CC" clang-19; do
  command -v "${compiler%% *}" > /dev/null || continue
  CC=$compiler
  build a.c -O2 -pthread -Wall -Werror
  allocs meta build ./a > made
  preload ./a > out || fail "$compiler: exit status $?"
  expect out << 'EOF2'
asker: return address 1, p 1, n 1, p in its register 1, next 1, n 1, text 1, wrong 0
middle::(return address)
middle::(saved *holds p, a step 1
without waiting: return address 1, p 1, n 1, p in its register 1, next 1, n 1, text 1, wrong 0
middle::(return address)
middle::(saved *holds p, a step 1
kept in a register: stays 5
stopped: return address 1, p 1, n 1, p in its register 1, next 1, n 1, text 1, wrong 0
middle::(return address)
middle::(saved *holds p, a step 1
EOF2
  start_guest ./a list
  python3 outside.py $pid || fail "$compiler: from outside"
  allocs what $pid "$(cat list)" > /dev/null
  echo >&3
  exec 3>&-
  rm input
  core_of ./a list crash > out
  python3 outside.py core || fail "$compiler: in a core"
done

# From C++, and from frame to frame.
cat > b.cc << 'EOF2'
#include <allocs/frame.hpp>
#include <cstdio>
#include <cstring>
#include <set>
static int depth_of(int **outer, int left) {
  int *here = *outer;
  if (left != 0) return depth_of(&here, left - 1) + (here == nullptr);
  std::set<const void *> frames;
  int pointers = 0;
  const int result = allocs::for_each_frame_place_from(&here, [&](const alloc_frame &frame, const alloc_frame_place &place) {
    if (frame.function != nullptr && std::strcmp(frame.function, "depth_of") == 0) {
      frames.insert(frame.end);
      pointers += place.variable != nullptr && std::strcmp(place.variable, "here") == 0 && place.holds == ALLOC_HOLDS_POINTER;
    }
    return 0;
  });
  const int stopped = allocs::for_each_frame_place(&here, [](const alloc_frame &, const alloc_frame_place &) { return 5; });
  std::printf("%d %zu frames, %d pointers, %d %d %d\n", result, frames.size(), pointers, stopped,
              allocs::for_each_frame_place(&stopped - 100000, [](const alloc_frame &, const alloc_frame_place &) { return 0; }),
              alloc_walk_frame(&here, 0, nullptr, nullptr));
  return 0;
}
int main() {
  int n = 0, *p = &n;
  return depth_of(&p, 4);
}
EOF2
build b.cc -O0 -std=c++20 -Wall -Werror
allocs meta build ./b > made
preload ./b > out || fail "C++: exit status $?"
expect out << 'EOF2'
0 5 frames, 5 pointers, 5 -1 -12
EOF2
./b > out
expect_line out '-10 0 frames, 0 pointers, -10 -10 -10'

# Without optimisation nothing is kept in registers, but the caller's frame pointer is saved.
build a.c -O0 -pthread -Wall -Werror
allocs meta build ./a > made
preload ./a > out || fail "-O0: exit status $?"
expect_line out 'asker: return address 1, p 0, n 0, p in its register 0, next 1, n 1, text 1, wrong 0'
start_guest ./a list
allocs frames $pid > frames
expect_line frames '*(saved rbp) the frame pointer of outer*'
expect_line frames '*pointer     middle::here  struct node *'
echo >&3
exec 3>&-
