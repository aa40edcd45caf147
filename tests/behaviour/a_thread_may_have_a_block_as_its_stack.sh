#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What lies in a stack that the program took from malloc, or has in a variable, is told like what lies in any stack while the thread is there, and as the block when it has gone.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { size = 1 << 17 };
static sem_t is_there, may_go;
static char *local;
static _Thread_local int own;
static int *own_of_thread;
static void say(const char *when, const void *at, unsigned flags) {
  struct alloc_info info;
  const int error = alloc_query(at, flags, &info);
  printf("%s: %d %s %s%s", when, error, info.allocator ? info.allocator->name : "-", info.name ? info.name : "-", info.thread != 0 ? " of a thread\n" : "\n");
}
static void *run(void *unused) {
  char here[64] = {1};
  local = here, own_of_thread = &own, own = 1;
  say("its own local", here + 8, 0);
  sem_post(&is_there), sem_wait(&may_go);
  return unused;
}
static char variable[size];
static void on(char *stack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, (char *)(((size_t)stack + 4095) & ~(size_t)4095), size - 8192);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, run, NULL) != 0) exit(1);
  sem_wait(&is_there);
  for (unsigned flags = 0; flags < 2; ++flags) say("its local", local + 8, flags);
  say("its thread-local", own_of_thread, 0);
  printf("base: %d\n", alloc_get_base(local + 8) != (void *)stack);
  sem_post(&may_go), pthread_join(thread, NULL);
  say("its local when it has gone", local + 8, 0);
}
int main(void) {
  void *other = malloc(100);
  sem_init(&is_there, 0, 0), sem_init(&may_go, 0, 0);
  on(malloc(size));
  on(variable);
  say("another block", other, 0);
  return 0;
}
END
build a.c -O1 -pthread
preload ./a > out || fail "exit status $?: $(cat out)"
expect out << 'END'
its own local: 0 stackframe run of a thread
its local: 0 stack - of a thread
its local: 0 stack - of a thread
its thread-local: 0 tls-symbol own of a thread
base: 1
its local when it has gone: 0 __default_lib_malloc -
its own local: 0 stackframe run of a thread
its local: 0 stack - of a thread
its local: 0 stack - of a thread
its thread-local: 0 tls-symbol own of a thread
base: 1
its local when it has gone: 0 static variable
another block: 0 __default_lib_malloc -
END
