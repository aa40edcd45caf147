#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A child that is forked while other threads walk, decode or edit can do the same: it waits for none of them, and what they left half done is no answer of its own.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#define _GNU_SOURCE
#include <allocs/allocator.h>
#include <allocs/sequence.h>
#include <allocs/walk.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kNodes = 5000, kChildren = 20, kSize = 60 };
struct node { struct node *next; long value; };
static struct node *list;
static atomic_int is_over, is_slow, is_decoding;
static char *text;
static _Thread_local int is_slow_here;

static int count(const struct alloc_reached *reached, void *context) {
  (void)reached;
  ++*(long *)context;
  return 0;
}
static long reached(void) {
  long found = 0;
  return alloc_walk_graph(0, count, &found) == ALLOC_OK ? found : -1;
}
static void *walk(void *unused) {
  while (!is_over) reached();
  return unused;
}

static int decode(void *context, const void *at, size_t left, size_t *size, struct uniqtype **type) {
  (void)context, (void)type;
  for (*size = 0; *size < left && ((const char *)at)[*size] != '\0';) ++*size;
  *size += *size < left;
  if (!is_slow_here || !is_slow) return 0;
  is_decoding = 1;
  while (is_slow) usleep(1000);
  return 0;
}
static const struct alloc_sequence_family lines = {.size = sizeof lines, .name = "lines", .decode = decode};
static void *ask(void *unused) {
  struct alloc_info info;
  is_slow_here = 1;
  alloc_query(text + kSize - 3, 0, &info);
  return unused;
}
static void *edit(void *unused) {
  void *at;
  alloc_insert_element(text, "new", 4, ALLOC_MAY_MOVE, &at);
  return unused;
}
static char *new_text(void) {
  char *made = malloc(kSize);
  for (int i = 0; i < kSize; i += 6) memcpy(made + i, "hello", 6);
  return made;
}

static int in_child(int (*body)(void)) {
  int status;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(body());
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}
static int walks(void) { return reached() < kNodes; }
/* 1: its own sequence cannot be edited; 2: its parent's is wrong */
static int edits(void) {
  struct alloc_info info;
  void *at;
  char *own = new_text();
  if (alloc_make_sequence(own, &lines) != 0 || alloc_insert_element(own, "more", 5, ALLOC_MAY_MOVE, &at) != 0) return 1;
  const int error = alloc_query(text + 8, 0, &info);
  if (error != 0 || (info.size != 6 && info.size != kSize)) return 2;
  return 0;
}

int main(void) {
  pthread_t thread, other;
  int wrong = 0;
  for (int i = 0; i < kNodes; ++i) {
    struct node *node = malloc(sizeof *node);
    *node = (struct node){list, i};
    list = node;
  }
  pthread_create(&thread, NULL, walk, NULL);
  for (int i = 0; i < kChildren; ++i, usleep(3000)) wrong += in_child(walks);
  is_over = 1;
  pthread_join(thread, NULL);
  printf("walks: %d wrong\n", wrong);
  text = new_text();
  is_slow = 1;
  if (alloc_make_sequence(text, &lines) != 0) return 1;
  pthread_create(&thread, NULL, ask, NULL);
  while (!is_decoding) usleep(1000);
  printf("while another decodes: %d\n", in_child(edits));
  pthread_create(&other, NULL, edit, NULL);
  usleep(200000);
  printf("while another waits to edit: %d\n", in_child(edits));
  is_slow = 0;
  pthread_join(thread, NULL);
  pthread_join(other, NULL);
  return 0;
}
END
build a.c -O1 -pthread -Wall -Wextra -Werror
allocs meta build ./a > made || fail "allocs meta build ended with $?"
preload ./a > out || fail "exit status $?"
expect out <<'END'
walks: 0 wrong
while another decodes: 0
while another waits to edit: 0
END
