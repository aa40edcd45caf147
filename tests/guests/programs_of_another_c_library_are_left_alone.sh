#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LD_PRELOAD is for every program that is started, so for those linked to musl, too. There the run time only forwards: they start, and do what
# they do alone.
. "$(dirname "$0")/../behaviour/lib.sh"
require musl-gcc

cat > a.c << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void *work(void *argument) {
  char *text = malloc(100);
  for (int i = 0; i < 1000; ++i) {
    text = realloc(text, 50 + i * 37 % 5000);
    free(calloc(i, 3));
  }
  free(text);
  return strdup(argument);
}
// Kills for what the run time would ask the kernel, elsewhere, before a filter is installed; once by each way.
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_readlink, 1, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_gettid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
static int install(void) {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) + prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) +
         (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
static void last(void) { puts("the end"); }
int main(void) {
  atexit(last);
  pthread_t threads[8];
  void *result;
  for (int i = 0; i < 8; ++i)
    if (pthread_create(&threads[i], NULL, work, "thread") != 0) return 1;
  for (int i = 0; i < 8; ++i) {
    pthread_join(threads[i], &result);
    puts(result);
    free(result);
  }
  void *aligned = NULL;
  printf("%d %d\n", posix_memalign(&aligned, 4096, 100), (int)((size_t)aligned % 4096));
  free(aligned);
  free(aligned_alloc(64, 640));
  errno = 0;
  printf("%p %d\n", malloc((size_t)-1 / 2), errno);
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pages = mremap(pages, 8192, 1 << 20, MREMAP_MAYMOVE);
  pages[1 << 19] = 1;
  printf("%d\n", munmap(pages, 1 << 20));
  printf("%d %d\n", prctl(PR_SET_NAME, "renamed", 0, 0, 0), syscall(SYS_getpid) == getpid());
  printf("%d\n", dlopen("libc.so", RTLD_NOW) != NULL);
  printf("%d\n", install());
  printf("%p\n", dlopen("there-is-no-such-library.so", RTLD_NOW));
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    free(malloc(1 << 20));
    _exit(3);
  }
  int status;
  waitpid(child, &status, 0);
  printf("%d\n", WEXITSTATUS(status));
  return 5;
}
END
# The kernel's headers are not among musl's.
musl-gcc -O1 -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)" -o a a.c || skip "musl-gcc does not link"
for how in '' 'ALLOCS_STATS=1' 'ALLOCS_META=never'; do
  status=0
  ./a > alone 2>&1 || status=$?
  [ "$status" -eq 5 ] || skip "alone it ends with $status"
  status=0
  # shellcheck disable=SC2086 # no word, or one
  env $how LD_PRELOAD="$PRELOAD" ./a > guest 2> errors || status=$?
  [ "$status" -eq 5 ] || fail "$how: as a guest it ends with $status: $(cat errors)"
  cmp alone guest || fail "$how: other output"
  [ ! -s errors ] || fail "$how: $(cat errors)"
done
