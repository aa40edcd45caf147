#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thread that returned, called pthread_exit or was cancelled is in the table of threads no more when it has been joined, and
# while its destructors run its stack is still its own.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static void *local_of_thread;
static pthread_key_t key;
static int is_stack(const void *p) {
  struct alloc_info info;
  return alloc_query(p, 0, &info) == 0 && info.thread != 0 && strncmp(info.allocator->name, "stack", 5) == 0;
}
static void destructor(void *name) {
  int local;
  printf("%s: in a destructor %d, ", (char *)name, is_stack(&local));
}
static void *thread(void *how) {
  int local;
  local_of_thread = &local;
  pthread_setspecific(key, how);
  if (strcmp(how, "exit") == 0) pthread_exit(NULL);
  if (strcmp(how, "cancel") == 0) pthread_cancel(pthread_self()), pthread_testcancel();
  return NULL;
}
int main(void) {
  static char *const ways[] = {"return", "exit", "cancel"};
  pthread_key_create(&key, destructor);
  for (int i = 0; i < 3; ++i) {
    pthread_t id;
    pthread_create(&id, NULL, thread, ways[i]);
    pthread_join(id, NULL);
    printf("after %d\n", is_stack(local_of_thread));
  }
  return 0;
}
END
build a.c -pthread
preload ./a > out
expect out << 'END'
return: in a destructor 1, after 0
exit: in a destructor 1, after 0
cancel: in a destructor 1, after 0
END
