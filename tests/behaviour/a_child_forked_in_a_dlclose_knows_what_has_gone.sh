#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A process is forked while another thread is in dlclose, just after the library's memory was given back and before the loader took note: the
# child's loader believes in the library for ever. Its place is empty, or something else was mapped there: zeros, or the library's own file.
# The child never says that the library is there.
. "$(dirname "$0")/lib.sh"

echo 'char plugin[4000] = {1}; int f(void) { return plugin[3]; }' > p.c
$CC -g -shared -fPIC -o p.so p.c
cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
static const long kLetThrough = 0x5AFE;
static long call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
static char *_Atomic gone;
static _Atomic size_t gone_size;
static _Atomic int is_forked;
// The thread that closes the library is held up behind each munmap.
static void after_munmap(int signal, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  registers[REG_RAX] = call(SYS_munmap, registers[REG_RDI], registers[REG_RSI], 0, 0, 0, kLetThrough);
  gone_size = registers[REG_RSI], gone = (char *)registers[REG_RDI];
  while (!is_forked) sched_yield();
}
static void *library;
static void *closing(void *unused) {
  struct sock_filter program[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x5AFE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  if (call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) != 0 || call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter, 0, 0, 0) != 0) _exit(77);
  dlclose(library);
  return unused;
}
static void ask(const char *when, const void *at, unsigned flags) {
  struct alloc_info info;
  const int error = alloc_query(at, flags, &info);
  const char *name = error == 0 ? info.allocator->name : error == ALLOC_E_NOT_YET ? "not yet" : error == ALLOC_E_NOTHING_THERE ? "nothing there" : "other";
  if (error == 0 && strncmp(name, "static", 6) == 0) printf("%s: %s\n", when, name), fflush(stdout);
  else fprintf(stderr, "%s: %s\n", when, name);
}
int main(int argc, char **argv) {
  library = dlopen("./p.so", RTLD_NOW);
  char *data = dlsym(library, "plugin"), *code = dlsym(library, "f");
  if (strchr(argv[1], 'k')) ask("before", data, 0), ask("before", code, 0), ask("before", data, ALLOC_NOWAIT);
  sigaction(SIGSYS, &(struct sigaction){.sa_sigaction = after_munmap, .sa_flags = SA_SIGINFO}, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, closing, NULL);
  while (gone == NULL) sched_yield();
  if (gone > data || gone + gone_size <= data) return 78;
  if (strchr(argv[1], 'z')) mmap(gone, gone_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (strchr(argv[1], 'f')) mmap(gone, gone_size, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, open("./p.so", O_RDONLY), 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; ++i)
      for (unsigned flags = 0; flags < 2; ++flags) ask("data", data, flags), ask("code", code, flags), ask("header", gone, flags);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  is_forked = 1;
  pthread_join(thread, NULL);
  return status != 0;
}
END
build a.c -O1 -pthread -ldl
for how in e ke z kz f kf; do
  status=0
  preload ./a $how > out.$how || status=$?
  [ $status -ne 77 ] || skip "no seccomp filters here"
  [ $status -eq 0 ] || fail "$how: exit status $status"
  echo "-- $how" >&2
done
for how in ke kz kf; do
  expect out.$how << 'END'
before: static
before: static
before: static
END
done
cat out.e out.z out.f > unasked
expect unasked < /dev/null
