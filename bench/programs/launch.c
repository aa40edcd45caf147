// SPDX-License-Identifier: Apache-2.0
// usage: launch ROUNDS COMMAND [ARGUMENT...] [-- COMMAND [ARGUMENT...]]...
//
// Runs the commands in turn, ROUNDS times, and prints for each run: the command's index, wall ns, CPU ns, peak resident KiB,
// exit status. A COMMAND may be preceded by NAME=VALUE words, which are put into its environment alone. What the commands print
// is discarded. Small and vfork'ing, so that neither its own start nor its own memory is in the figures.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

struct command {
  char** words;  // argv, after the assignments
  char** environment;
};

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static char** environment_with(char** assignments, int count) {
  int size = 0;
  while (environ[size] != NULL) size++;
  char** result = calloc((size_t)(size + count) + 1, sizeof *result);
  memcpy(result, assignments, (size_t)count * sizeof *result);
  memcpy(result + count, environ, (size_t)size * sizeof *result);
  return result;
}

static int run(const struct command* command, int index, int null) {
  const long long start = now();
  const pid_t child = vfork();
  if (child == 0) {
    dup2(null, 1);
    dup2(null, 2);
    execve(command->words[0], command->words, command->environment);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) != child) return 1;
  const long long wall = now() - start;
  const long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
                        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
  printf("%d %lld %lld %ld %d\n", index, wall, cpu, usage.ru_maxrss,
         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  static struct command commands[32];
  int count = 0;
  for (int i = 2; i < argc && count < 32; i++) {
    const int first = i;
    while (i < argc && strchr(argv[i], '=') != NULL && argv[i][0] != '/') i++;
    commands[count].environment = environment_with(argv + first, i - first);
    commands[count++].words = argv + i;
    while (i < argc && strcmp(argv[i], "--") != 0) i++;
    if (i < argc) argv[i] = NULL;
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int round = atoi(argv[1]); round > 0; round--) {
    for (int i = 0; i < count; i++) {
      if (run(&commands[i], i, null) != 0) return 1;
    }
  }
  return 0;
}
