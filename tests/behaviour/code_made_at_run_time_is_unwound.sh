#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program makes functions at run time and registers them with gdb's JIT interface: their frames have bounds and names, and the frames
# behind them are answered, as long as they are registered. Of a function that only a perf map tells, the name is told. A list of the interface that is
# nonsense, or changes all the time, leads to "cannot tell", never to another answer.
. "$(dirname "$0")/lib.sh"

cp "$ALLOCS_SOURCE/tests/programs/made_code.h" .
cat > a.c << 'END'
#include "made_code.h"
#include <allocs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
static made_function *first, *second;
static long *local_of_main;
static long told, untold, wrong;
static const char *text_of(const char *text) { return text == NULL ? "-" : text; }
static void ask(const char *what, const void *at, const char *frame, unsigned flags) {
  struct alloc_info info;
  const int error = alloc_query(at, flags, &info);
  if (error == ALLOC_E_NO_UNWIND) printf("%s: cannot tell, %s\n", what, text_of(info.name));
  else if (error != 0) printf("%s: error %d\n", what, error);
  else printf("%s: %s %s%s\n", what, info.allocator->name, text_of(info.name),
              frame == NULL ? "" : info.base == frame && info.size == kMadeFrame ? ", its bounds" : ", other bounds");
}
static __attribute__((noinline)) void ask_all(void) {
  long own[4] = {1};
  char *frame = FRAME_OF_MADE_CALLER();
  ask("own", own, NULL, 0);
  ask("made", frame + 8, frame, 0);
  ask("main", local_of_main, NULL, 0);
  ask("made, no wait", frame + 8, frame, ALLOC_NOWAIT);
  ask("own, no wait", own, NULL, ALLOC_NOWAIT);
}
static __attribute__((noinline)) void through_second(void) { second(ask_all); __asm__ volatile(""); }

static _Atomic int stop;
static struct jit_entry *entry_of_first;
static void *change(void *unused) {
  struct jit_entry *others[100] = {0};
  for (unsigned x = 1; !stop;) {
    x = x * 1664525 + 1013904223;
    struct jit_entry **one = &others[x >> 16 & 63];
    if (*one != NULL) unregister_function(*one), *one = NULL;
    else *one = register_function(second, "another");
    if ((x >> 8 & 3) == 0) {
      if (entry_of_first != NULL) unregister_function(entry_of_first), entry_of_first = NULL;
      else entry_of_first = register_function(first, "made_first");
    }
  }
  for (int i = 0; i < 100; ++i) if (others[i] != NULL) unregister_function(others[i]);
  return unused;
}
static void expect_frame(const void *at, const char *base, const char *name) {
  struct alloc_info info;
  const int error = alloc_query(at, 0, &info);
  if (error == ALLOC_E_NO_UNWIND) ++untold;
  else if (error == 0 && strcmp(info.allocator->name, "stackframe") == 0 && (base == NULL || (info.base == base && info.size == kMadeFrame)) &&
           (info.name == NULL ? base != NULL : strcmp(info.name, name) == 0)) ++told;
  else if (++wrong < 10) printf("error %d %s %s\n", error, info.allocator ? info.allocator->name : "-", text_of(info.name));
}
static __attribute__((noinline)) void ask_often(void) {
  char *frame = FRAME_OF_MADE_CALLER();
  for (int i = 0; i < 2000; ++i) expect_frame(frame + 8, frame, "made_first"), expect_frame(local_of_main, NULL, "main");
}
static __attribute__((noinline)) void ask_once(void) {
  char *frame = FRAME_OF_MADE_CALLER();
  expect_frame(frame + 8, frame, "made_first"), expect_frame(local_of_main, NULL, "main");
}

int main(void) {
  long local[3] = {1};
  local_of_main = local;
  first = make_function(), second = make_function();
  puts("not registered");
  first(ask_all);
  struct jit_entry *of_first = register_function(first, "made_first"), *of_second = register_function(second, "made_second");
  puts("registered");
  first(ask_all), second(ask_all), first(through_second);
  unregister_function(of_second);
  puts("one of two");
  first(ask_all), second(ask_all), first(through_second);
  unregister_function(of_first);
  puts("told perf");
  char path[64];
  snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
  FILE *map = fopen(path, "w");
  fprintf(map, "%lx %x told_perf\n", (unsigned long)(uintptr_t)second, kMadeSize);
  fclose(map);
  second(ask_all);
  chmod(path, 0666);
  puts("anybody may have written that");
  second(ask_all);
  unlink(path);

  puts("nonsense");
  struct jit_entry cycle[2] = {{&cycle[1], NULL, NULL, 0}, {&cycle[0], NULL, NULL, 0}};
  const void *const kNonsense[] = {&cycle[0], (void *)8, (void *)-8, local, (void *)(uintptr_t)first, &cycle};
  of_first = register_function(first, "made_first");
  for (unsigned i = 0; i < sizeof kNonsense / sizeof *kNonsense; ++i) of_first->next = (struct jit_entry *)kNonsense[i], first(ask_once);
  of_first->next = NULL;
  struct made_file *file = (struct made_file *)of_first->file, whole = *file;
  printf("%ld told, %ld not, %ld wrong\n", told, untold, wrong), told = untold = 0;
  // No flipped byte leads to anything but the truth or "cannot tell"; the bytes of names and records aside, which say what is true.
  for (unsigned i = 0; i < offsetof(struct made_file, symbols); ++i) ((unsigned char *)file)[i] ^= 0x55, first(ask_once), *file = whole;
  printf("%d, %ld wrong\n", untold > 20, wrong);
  munmap(mmap(file, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1);
  unregister_function(of_first);

  told = untold = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, change, NULL);
  first(ask_often);
  stop = 1;
  pthread_join(thread, NULL);
  fprintf(stderr, "%ld told, %ld not\n", told, untold);
  printf("changing: %d, %ld wrong\n", told > 0 && untold > 0, wrong);
}
END
sed -i '/munmap(mmap(file/d; s/#include <unistd.h>/#include <sys\/stat.h>\n&/' a.c
build a.c -O1 -pthread -fno-omit-frame-pointer
preload ./a > out || fail "exit status $?: $(cat out)"
cat > all << 'END'
own: stackframe ask_all
made: stackframe NAME, its bounds
main: stackframe main
made, no wait: cannot tell, -
own, no wait: stackframe ask_all
END
sed 's/NAME, its bounds/made_first, its bounds/' all > of_first
sed 's/NAME, its bounds/made_second, its bounds/' all > of_second
sed 's/^made: .*/made: cannot tell, -/; s/^main: .*/main: cannot tell, -/' all > none
sed 's/tell, -/tell, told_perf/; /no wait/s/told_perf/-/' none > named
{
  echo "not registered" && cat none
  echo "registered" && cat of_first of_second of_second
  echo "one of two" && cat of_first none none
  echo "told perf" && cat named
  echo "anybody may have written that" && cat none
  echo "nonsense"
  echo "0 told, 12 not, 0 wrong"
  echo "1, 0 wrong"
  echo "changing: 1, 0 wrong"
} | expect out
