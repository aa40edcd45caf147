#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thread stops all others by a signal that it names, whatever they do; their registers are roots meanwhile; who would not stop is told.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <allocs/stop.h>
#include <allocs/walk.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNAL (SIGRTMIN + 3)
#define PATIENT 20000
struct node { long number; struct node *next; };
static struct node *chain;
static volatile long counts[8], births;
static volatile int quit, phase;

static void *count(void *which) {
  while (!quit) ++counts[(long)which];
  return NULL;
}
static void *nothing(void *unused) { return (void)__atomic_fetch_add(&births, 1, __ATOMIC_RELAXED), unused; }
static void *breed(void *which) {
  while (!quit) {
    pthread_t child;
    ++counts[(long)which];
    if (pthread_create(&child, NULL, nothing, NULL) == 0) pthread_join(child, NULL);
  }
  return NULL;
}
static void *churn(void *which) {
  while (!quit) ++counts[(long)which], free(realloc(malloc(30), 3000));
  return NULL;
}
static long sum(void) {
  long all = births;
  for (int i = 0; i < 8; ++i) all += counts[i];
  return all;
}
static void spin(void) { for (volatile int i = 0; i < 3000; ++i) { } }
static void wait_for(int wanted) { while (phase != wanted) sched_yield(); }

/* how many of `times` stops found everything still, and all went on afterwards */
static int still(int times) {
  int right = 0;
  for (int i = 0; i < times; ++i) {
    struct alloc_stop_report report;
    if (alloc_stop_others(SIGNAL, PATIENT, &report) != 0) continue;
    long before = sum();
    spin();
    long after = sum();
    int known = strcmp(uniqtype_name(alloc_get_type(chain)), "node") == 0;
    if (alloc_resume_others() != 0) continue;
    while (sum() == after) sched_yield();
    right += before == after && report.threads >= 3 && report.thread == 0 && known;
  }
  return right;
}

static int own_tid;
static void *block_it(void *unused) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGNAL);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  own_tid = (int)syscall(SYS_gettid);
  phase = 1;
  wait_for(2);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  phase = 3;
  wait_for(4);
  return unused;
}
static int go[2];
static void *vforked(void *unused) {
  own_tid = (int)syscall(SYS_gettid);
  phase = 1;
  if (vfork() == 0) {
    char c;
    while (read(go[0], &c, 1) != 1) { }
    _exit(0);
  }
  wait(NULL);
  wait_for(2);
  return unused;
}
static void *read_it(void *got) {
  char c = 0;
  phase = 1;
  *(long *)got = read(go[0], &c, 1);
  return NULL;
}

static uintptr_t hidden;
__attribute__((noinline)) static void hide(void) { hidden = ~(uintptr_t)calloc(1, sizeof(struct node)); }
__attribute__((noinline)) static void wipe(void) { volatile char dead[30000]; memset((char *)dead, 0, sizeof dead); }
/* Its registers are not on the stack that it runs on while it is stopped. */
__attribute__((noinline)) static void *hold_in_register(void *unused) {
  const stack_t other = {.ss_sp = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 1 << 16};
  sigaltstack(&other, NULL);
  __asm__ volatile("mov %1, %%r13\n\t notq %%r13\n\t movl $1, %0\n1: cmpl $2, %0\n\t jne 1b\n\t xor %%r13d, %%r13d" : "+m"(phase) : "m"(hidden) : "r13", "memory", "cc");
  return unused;
}
static int is_hidden(const struct alloc_reached *reached, void *context) {
  if ((uintptr_t)reached->block.base == ~hidden) *(int *)context = 1 + (reached->distance == 1);
  return 0;
}
static int look_at(const struct alloc_stopped_thread *thread, void *context) {
  struct alloc_info code;
  alloc_query(thread->pc, 0, &code);
  *(int *)context = thread->registers[13] == ~hidden && thread->registers[16] == (uintptr_t)thread->pc && code.name != NULL &&
                    strcmp(code.name, "hold_in_register") == 0 && thread->signal_frame < thread->signal_frame_end;
  return 7;
}
static int reach_hidden(void) {
  int reached = 0;
  alloc_walk_graph(0, is_hidden, &reached);
  return reached;
}

static int turns[2];
static void *take_turns(void *which) {
  for (int i = 0; i < 100; ++i) {
    if (alloc_stop_others(SIGNAL, PATIENT, NULL) != 0) continue;
    spin();
    turns[(long)which] += alloc_resume_others() == 0;
  }
  return NULL;
}
static void ignore(int signal) { (void)signal; }

static void *after_main(void *main_thread) {
  pthread_join(*(pthread_t *)main_thread, NULL);
  struct alloc_stop_report report;
  int result = alloc_stop_others(SIGNAL, PATIENT, &report);
  printf("when main has ended: %d, %u threads", result, report.threads);
  printf(" %d\n", alloc_resume_others());
  fflush(stdout);
  _exit(0);
}

int main(void) {
  struct alloc_stop_report report;
  pthread_t threads[8];
  chain = calloc(1, sizeof *chain);
  const int refused[] = {-1, 0, SIGKILL, SIGSTOP, SIGSEGV, 32, 33, 65};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) printf("%d ", alloc_stop_others(refused[i], 10, NULL));
  puts("");
  signal(SIGUSR1, ignore);
  printf("handled %d, not stopped %d %d\n", alloc_stop_others(SIGUSR1, 10, NULL), alloc_resume_others(), alloc_walk_stopped(look_at, NULL));
  int result = alloc_stop_others(SIGNAL, 0, &report);
  printf("alone %d %u, twice %d", result, report.threads, alloc_stop_others(SIGNAL, 0, NULL));
  void *p = NULL;
  printf(", malloc %d %d %d", alloc_new(&__default_lib_malloc_allocator, alloc_get_type(chain), 1, &p), alloc_free(chain), alloc_resize(chain, 9999, ALLOC_MAY_MOVE, &p));
  printf(", in place %d", alloc_resize(chain, sizeof *chain, 0, &p));
  printf(", resumed %d", alloc_resume_others());
  printf(" %d\n", alloc_resume_others());

  void *(*const work[])(void *) = {count, breed, breed, churn, churn};
  for (long i = 0; i < 5; ++i) pthread_create(&threads[i], NULL, work[i], (void *)i);
  printf("%d of 200 still\n", still(200));
  for (long i = 5; i < 7; ++i) pthread_create(&threads[i], NULL, take_turns, (void *)(i - 5));
  for (int i = 5; i < 7; ++i) pthread_join(threads[i], NULL);
  printf("turns %d %d\n", turns[0], turns[1]);
  quit = 1;
  for (int i = 0; i < 5; ++i) pthread_join(threads[i], NULL);

  phase = 0;
  pthread_create(&threads[0], NULL, block_it, NULL);
  wait_for(1);
  result = alloc_stop_others(SIGNAL, 50, &report);
  printf("blocked %d: that thread %d, %s, %d\n", result, report.thread == own_tid, report.reason == ALLOC_STOP_BLOCKED ? "blocks" : "?", alloc_resume_others());
  phase = 2;
  wait_for(3);
  result = alloc_stop_others(SIGNAL, PATIENT, &report);
  printf("unblocked %d %u %d\n", result, report.threads, alloc_resume_others());
  phase = 4;
  pthread_join(threads[0], NULL);

  if (pipe(go) != 0) return 2;
  phase = 0;
  pthread_create(&threads[0], NULL, vforked, NULL);
  wait_for(1);
  do { /* until it is in vfork */
    result = alloc_stop_others(SIGNAL, 50, &report);
    if (result == 0) alloc_resume_others();
  } while (result == 0);
  printf("vfork %d: that thread %d, %s\n", result, report.thread == own_tid, report.reason == ALLOC_STOP_SILENT ? "silent" : "?");
  if (write(go[1], "x", 1) != 1) return 2;
  result = alloc_stop_others(SIGNAL, PATIENT, &report);
  printf("after it %d %u %d\n", result, report.threads, alloc_resume_others());
  phase = 2;
  pthread_join(threads[0], NULL);

  long got = 0;
  phase = 0;
  pthread_create(&threads[0], NULL, read_it, &got);
  wait_for(1);
  for (int i = 0; i < 50; ++i) alloc_stop_others(SIGNAL, PATIENT, NULL), alloc_resume_others();
  if (write(go[1], "x", 1) != 1) return 2;
  pthread_join(threads[0], NULL);
  printf("read %ld\n", got);

  phase = 0;
  hide();
  wipe();
  pthread_create(&threads[0], NULL, hold_in_register, NULL);
  wait_for(1);
  int seen = 0;
  printf("in a register: running %d", reach_hidden());
  alloc_stop_others(SIGNAL, PATIENT, &report);
  result = alloc_walk_stopped(look_at, &seen);
  int reached = reach_hidden();
  alloc_resume_others();
  printf(", stopped %d; walk %d %d; %s %s %s\n", reached, result, seen, alloc_register_name(13), alloc_register_name(16), alloc_register_name(99));
  phase = 2;
  pthread_join(threads[0], NULL);

  fflush(stdout);
  for (int i = 0; i < 2; ++i) { /* what others send of that number */
    const int number = i == 0 ? SIGNAL : SIGUSR2;
    if (i == 1) signal(SIGUSR2, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
      alloc_stop_others(number, 0, NULL);
      kill(getpid(), number);
      alloc_resume_others();
      _exit(5);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("%s: %d %d\n", i == 0 ? "default" : "ignored", WIFSIGNALED(status) && WTERMSIG(status) == SIGNAL, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  fflush(stdout);
  alloc_stop_others(SIGNAL, 0, NULL);
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    struct sigaction now;
    int resumed = alloc_resume_others();
    sigaction(SIGNAL, NULL, &now);
    _exit(resumed == 0 && now.sa_handler == SIG_DFL && alloc_stop_others(SIGNAL, 0, NULL) == 0 ? 0 : 1);
  }
  alloc_resume_others();
  int status = 1;
  waitpid(child, &status, 0);
  printf("child %d\n", status);

  static pthread_t main_thread;
  main_thread = pthread_self();
  for (long i = 0; i < 2; ++i) quit = 0, pthread_create(&threads[i], NULL, count, (void *)i);
  pthread_create(&threads[2], NULL, after_main, &main_thread);
  pthread_exit(NULL);
}
EOF
build a.c -O1 -pthread -Wall -Werror -Wno-free-nonheap-object
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
-12 -12 -12 -12 -12 -12 -12 -12 
handled -24, not stopped -12 -12
alone 0 0, twice -26, malloc -26 -26 -26, in place 0, resumed 0 -12
200 of 200 still
turns 100 100
blocked -27: that thread 1, blocks, -12
unblocked 0 1 0
vfork -27: that thread 1, silent
after it 0 1 0
read 1
in a register: running 0, stopped 2; walk 7 1; r13 rip \?
default: 1 -1
ignored: 0 5
child 0
when main has ended: 0, 2 threads 0
EOF
