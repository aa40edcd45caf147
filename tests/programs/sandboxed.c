/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts itself into a sandbox and asks about everything there is to ask about. The sandbox kills for each system call that malloc, the
 * output and threads do not need; at the end one such call proves that it does.
 *
 * usage: sandboxed prctl|syscall|strict   how the sandbox is made */
#define _GNU_SOURCE
#include <allocs.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(name)                                      \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(read),
    ALLOW(write),
    ALLOW(newfstatat),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW(brk),
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mprotect),
    ALLOW(madvise),
    ALLOW(futex),
    ALLOW(clone3),
    ALLOW(clone),
    ALLOW(rseq),
    ALLOW(set_robust_list),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigaction),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
static struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

struct point {
  double x, y;
} global;
static __thread int thread_local;
static int* other_thread_local;
static pthread_barrier_t barrier;

static void ask(const char* what, const void* address) {
  struct alloc_info info;
  char text[1000];
  alloc_query(address, 0, &info);
  alloc_describe_wait(address, text, sizeof text);
  alloc_get_path(address, 0, NULL, 0);
  printf("%s: %s %s\n", what, info.allocator ? info.allocator->name : "-",
         uniqtype_name(info.type));
}

static void* thread(void* unused) {
  struct point* block = malloc(sizeof *block);
  other_thread_local = &thread_local;
  ask("block of a thread", block);
  ask("local of a thread", &block);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

int main(int argc, char** argv) {
  const char* how = argv[argc - 1];
  void* pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ask("global", &global);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
        NULL); /* fails: a program may try what the kernel can */
  ask("pages", pages);
  fflush(stdout);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (strcmp(how, "prctl") == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  if (strcmp(how, "syscall") == 0) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  if (strcmp(how, "strict") == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);

  pthread_t other;
  pthread_barrier_init(&barrier, NULL, 2);
  if (strcmp(how, "strict") != 0) {
    pthread_create(&other, NULL, thread, NULL);
    pthread_barrier_wait(&barrier);
    ask("thread-local of another", other_thread_local);
  }
  struct point* block = malloc(sizeof *block);
  ask("block", block);
  ask("function", (void*)main);
  ask("function of the C library", (void*)printf);
  ask("local", &block);
  ask("argument vector", argv);
  ask("thread-local", &thread_local);
  ask("pages", pages);
  ask("nothing", (void*)0x123456789000);
  uniqtype_by_name("no_such_type");
  if (strcmp(how, "strict") != 0) {
    for (int i = 0; i < 300; ++i) free(malloc(1 << 20)); /* new mappings */
    for (int i = 0; i < 300; ++i) block = malloc(1 << 18);
    ask("large block", block);
    pthread_barrier_wait(&barrier);
    pthread_join(other, NULL);
  }
  fflush(stdout);
  syscall(SYS_getppid);
  puts("there is no sandbox");
  return 0;
}
