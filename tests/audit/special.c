/* SPDX-License-Identifier: Apache-2.0 */
/* The third subject of the audit: statics of inlined functions, a library that is opened late (its thread-locals, versioned symbols),
 * aliases, functions with a cold part, nested functions; and with the argument
 *   nested   a nested function called through a pointer
 *   signal   a handler on an alternate stack, over the ordinary one
 *   fiber    frames on stacks that the program made itself
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "types.h"

#define NOINLINE __attribute__((noinline)) static
static const char* mode = "";

/* ---- statics ---- */

static inline __attribute__((always_inline)) int counted(int by) {
  static int calls[3];
  static struct point last_place = {1, 2};
  OBJECT("static of an inlined function", "static", calls, int[3], NO_PARTS)
  OBJECT("static of an inlined function", "static", last_place, struct point, PARTS_point)
  calls[by & 1] += by;
  return calls[0] + last_place.x;
}

/* Without a word the compiler inlines it, or makes a clone of it. */
static int perhaps_inlined(int by) {
  static struct inner kept = {.c = 3};
  OBJECT("static of an inlined function", "static", kept, struct inner, PARTS_inner)
  kept.s[by & 1] = (short)by;
  return kept.s[0];
}

NOINLINE int caller_of_inlined(int n) { return counted(n) + perhaps_inlined(4); }

struct point aliased_global = {3, 4};
extern struct point alias_of_global __attribute__((alias("aliased_global")));
static struct inner aliased_static = {.c = 7};
extern struct inner alias_of_static __attribute__((alias("aliased_static")));
int aliased_function(int x) { return x + 1; }
int alias_of_function(int x) __attribute__((alias("aliased_function")));
int weak_alias_of_function(int x) __attribute__((weak, alias("aliased_function")));

int main(int argc, char** argv);

static void note_aliases(void) {
  note_object("function", "static", "", "main", "int(int, char**)", (const void*)&main, 1);
  OBJECT("alias", "static", aliased_global, struct point, NO_PARTS)
  OBJECT("alias", "static", alias_of_global, struct point, NO_PARTS)
  OBJECT("alias", "static", aliased_static, struct inner, NO_PARTS)
  OBJECT("alias", "static", alias_of_static, struct inner, NO_PARTS)
  note_object("function with aliases", "static", "", "aliased_function", "int(int)",
              (const void*)&aliased_function, 1);
  note_object("function with aliases", "static", "", "alias_of_function", "int(int)",
              (const void*)&alias_of_function, 1);
  note_object("function with aliases", "static", "", "weak_alias_of_function", "int(int)",
              (const void*)&weak_alias_of_function, 1);
}

/* ---- frames ---- */

NOINLINE int deepest(int depth) {
  struct point at_the_end = {depth, 0};
  OBJECT("local", "stackframe", at_the_end, struct point, PARTS_point)
  ask_everything();
  return at_the_end.x;
}

#ifndef __clang__
NOINLINE int through_pointer(int (*function)(int)) { return function(2); }

NOINLINE int with_nested(int n) {
  struct point captured = {n, n};
  long reached = n;
  OBJECT("local that a nested function uses", "stackframe", captured, struct point, PARTS_point)
  OBJECT("local that a nested function uses", "stackframe", reached, long, NO_PARTS)
  int inside(int by) {
    struct inner own = {.c = 1};
    OBJECT("local of a nested function", "stackframe", own, struct inner, PARTS_inner)
    OBJECT("formal of a nested function", "stackframe", by, int, NO_PARTS)
    captured.x += by;
    reached += captured.y;
    return deepest(by) + own.c;
  }
  /* The code that a pointer leads to is on the stack, which may be run only if it is the ordinary one. */
  const int result = strcmp(mode, "nested") == 0 ? through_pointer(inside) : inside(2);
  return result + captured.x + (int)reached;
}
#else
NOINLINE int with_nested(int n) {
  struct point captured = {n, n};
  OBJECT("local", "stackframe", captured, struct point, PARTS_point)
  return deepest(n) + captured.x;
}
#endif

static int handled;
static void on_other_stack(int signal) {
  struct outer in_handler = {.id = signal};
  OBJECT("local on an alternate stack", "stackframe", in_handler, struct outer, PARTS_outer)
  OBJECT("local on an alternate stack", "stackframe", signal, int, NO_PARTS)
  handled = with_nested(3) + (int)in_handler.id;
}

static char static_stack[1 << 16];
NOINLINE int with_signal(int n) {
  stack_t other = {.ss_size = sizeof(static_stack)};
  struct inner interrupted = {.c = 1};
  struct sigaction action = {.sa_handler = on_other_stack, .sa_flags = SA_ONSTACK};
  other.ss_sp = n & 1 ? static_stack : malloc(sizeof(static_stack));
  OBJECT("local below an alternate stack", "stackframe", interrupted, struct inner, PARTS_inner)
  sigaltstack(&other, NULL);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  return handled + interrupted.c;
}

static ucontext_t starter, first_fiber, second_fiber;
NOINLINE int in_fiber(int n) {
  struct point of_fiber = {n, 1};
  OBJECT("local of a fiber", "stackframe", of_fiber, struct point, PARTS_point)
  return with_nested(n) + of_fiber.y;
}
static void fiber(void) {
  double at_its_start[2] = {1, 2};
  OBJECT("local of a fiber", "stackframe", at_its_start, double[2], NO_PARTS)
  handled = in_fiber((int)at_its_start[0]);
}
static void suspended_fiber(void) {
  volatile int waits = 1;
  swapcontext(&second_fiber, &starter);
  handled += waits;
}
static void make_fiber(ucontext_t* context, void (*start)(void), char* stack, size_t size) {
  getcontext(context);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = size;
  context->uc_link = &starter;
  makecontext(context, start, 0);
}
NOINLINE int with_fibers(int n) {
  const size_t size = sizeof(static_stack);
  char* block = malloc(size);
  note_block("stack of a suspended fiber", __func__, "block", "void", block, size, 0);
  make_fiber(&second_fiber, suspended_fiber, block, size);
  swapcontext(&starter, &second_fiber);
  make_fiber(&first_fiber, fiber, n & 1 ? static_stack : malloc(size), size);
  swapcontext(&starter, &first_fiber);
  return handled;
}

/* The call of it is cold, and with it the way to the call. */
__attribute__((cold, noinline)) static int seldom(int n, struct point* where) {
  const void* const here = __builtin_return_address(0);
  note_object("code of a cold part", "static", "", "split", "int(int)", here, 1);
  if (strcmp(mode, "nested") == 0) return with_nested(n) + where->x;
  if (strcmp(mode, "signal") == 0) return with_signal(n) + where->x;
  return with_fibers(n) + where->x;
}
__attribute__((noinline)) int split(int n) {
  struct point hot = {n, n};
  struct inner both = {.c = 2};
  OBJECT("local of a split function", "stackframe", hot, struct point, PARTS_point)
  OBJECT("local of a split function", "stackframe", both, struct inner, PARTS_inner)
  if (__builtin_expect(n > 1, 0)) {
    hot.x = seldom(n, &hot) + seldom(0, &hot) * both.c;
  }
  for (int i = 0; i < n; ++i) hot.y += i * both.s[i % 3];
  return hot.x + hot.y;
}

/* ---- threads and the library ---- */

static pthread_barrier_t noted;
static pthread_mutex_t finish = PTHREAD_MUTEX_INITIALIZER;
static void (*note_library_locals)(const char*);

static void* other_thread(void* argument) {
  note_library_locals("thread-local of a library, other thread");
  pthread_barrier_wait(&noted);
  pthread_mutex_lock(&finish);
  pthread_mutex_unlock(&finish);
  return argument;
}

int main(int argc, char** argv) {
  enum { kThreads = 2 };
  pthread_t threads[kThreads];
  if (argc < 3) return 2;
  mode = argv[1];
  void* const library = dlopen(argv[2], RTLD_NOW);
  if (library == NULL) return 3;
  note_library_locals = (void (*)(const char*))dlsym(library, "note_library_locals");
  pthread_mutex_lock(&finish);
  pthread_barrier_init(&noted, NULL, kThreads + 1);
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, other_thread, NULL);
  pthread_barrier_wait(&noted);
  note_library_locals("thread-local of a library");
  ((void (*)(void))dlsym(library, "note_library"))();
  note_aliases();
  caller_of_inlined(argc);
  const int result = split(argc);
  pthread_mutex_unlock(&finish);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  return result == -1;
}
