#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What follows the last byte of an object's data in its last page is in that object, whoever is asked when, and asking about it makes nobody forget the object: not while other threads are
# stopped, and not in a child that was forked beside other threads and loads libraries of its own.
. "$(dirname "$0")/lib.sh"

cat > added.c <<'EOF'
int added_function(void) { return 7; }
EOF
cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs.h>
#include <allocs/stop.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *ends[64];
static int count;
static int note(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size, (void)unused;
  uintptr_t end = 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    if (part->p_type == PT_LOAD && object->dlpi_addr + part->p_vaddr + part->p_memsz > end) end = object->dlpi_addr + part->p_vaddr + part->p_memsz;
  }
  if (end % 4096 != 0 && strstr(object->dlpi_name, "vdso") == NULL && count < 64) ends[count++] = (char *)((end | 4095) & ~0ul);
  return 0;
}
static int is_told(const void *function, const char *name) {
  struct alloc_info info;
  return alloc_query(function, 0, &info) == 0 && info.name != NULL && strcmp(info.name, name) == 0;
}
/* Each is asked about twice: after the first question nothing may be forgotten. */
static void ask(const char *when) {
  int right = 0, told = 0;
  for (int i = 0; i < 2 * count; ++i) {
    struct alloc_info info;
    const char *at = ends[i % count];
    const int error = alloc_query(at, 0, &info);
    const int is_inside = error == 0 && (strncmp(info.allocator->name, "static", 6) == 0 || strcmp(info.allocator->name, "ld.so malloc") == 0);
    if (!is_inside) printf("%p: %d %s\n", (const void *)at, error, error == 0 ? info.allocator->name : "");
    right += is_inside;
    told += is_told((void *)dlsym(RTLD_DEFAULT, "atoi"), "atoi");
  }
  printf("%s: %d %d\n", when, right == 2 * count, told == 2 * count);
}
static volatile int quit;
static void *idle(void *unused) { while (!quit) usleep(500); return unused; }

int main(void) {
  pthread_t thread;
  dl_iterate_phdr(note, NULL);
  printf("several objects: %d\n", count > 2);
  ask("alone");
  pthread_create(&thread, NULL, idle, NULL);
  ask("beside another thread");
  if (alloc_stop_others(SIGRTMIN, 20000, NULL) != 0) return 1;
  ask("while it is stopped");
  alloc_resume_others();
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    ask("in a child");
    void *const added = dlopen("./libadded.so", RTLD_NOW);
    void *const function = added == NULL ? NULL : dlsym(added, "added_function");
    printf("a library of the child's: %d\n", function != NULL && is_told(function, "added_function"));
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  quit = 1;
  pthread_join(thread, NULL);
  return status;
}
EOF
$CC -g -shared -fPIC -o libadded.so added.c
build a.c -pthread -Wall -Werror
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
several objects: 1
alone: 1 1
beside another thread: 1 1
while it is stopped: 1 1
in a child: 1 1
a library of the child's: 1
EOF
