#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Threads put elements into sequences, take them out and replace them, in blocks of all sizes and in mapped files that grow, shrink and move, and bytes into another file; others map, unmap, allocate, and
# ask about all of it. Nothing faults, each edit does what it should, and what stays meanwhile is told exactly as it is.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/sequence.h>
#include <allocs/walk.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EDITORS = 5, MOST = 400 };
/* What one editor has: `turn` is odd while it edits. Who sees the same even turn before and after a question saw it all along. */
struct place { _Atomic unsigned turn; char *_Atomic base; _Atomic size_t size; int is_sequence; const char *_Atomic host; };
static struct place places[EDITORS + 1];
static _Atomic long asked, certain, wrong, edits, refused;
static _Atomic int quit;
static unsigned pick(unsigned *seed, unsigned n) { return (*seed = *seed * 1103515245 + 12345) / 65536 % n; }
static void complain(const char *what, const void *at, int error) { if (wrong++ < 10) fprintf(stderr, "%s: %p %d\n", what, at, error); }

static char *map_file(const char *name, const char *bytes, size_t size) {
  const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (write(fd, bytes, size) != (ssize_t)size) complain("write", name, 0);
  char *at = mmap(NULL, (size + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at;
}
static size_t whole(size_t size) { return size == 0 ? 4096 : (size + 4095) / 4096 * 4096; }

/* Texts too, decoded from the beginning, byte by byte, with others getting their turn in between. */
static int decode_slowly(void *context, const void *at, size_t left, size_t *size, struct uniqtype **type) {
  size_t n = 0;
  while (n < left && ((const volatile char *)at)[n++] != '\0') continue;
  static _Thread_local unsigned turns;
  if (++turns % 64 == 0) sched_yield();
  *size = n;
  return (void)context, (void)type, 0;
}
static const struct alloc_sequence_family slow = {.size = sizeof slow, .name = "slow", .decode = decode_slowly};

/* ---- who edits ---- */

static int make_text(unsigned *seed, char *text, unsigned longest) {
  const int length = (int)(1 + pick(seed, longest));
  memset(text, 'a' + (int)pick(seed, 26), (size_t)length - 1);
  text[length - 1] = '\0';
  return length;
}
/* Of a sequence of texts, with a model of it. */
static void *edit_sequence(void *which) {
  struct place *mine = which;
  const int number = (int)(mine - places), is_file = number % 2 == 0;
  unsigned seed = (unsigned)number + 1, count = 1;
  const unsigned longest = number == 1 ? 40 : 3000; /* the block of number 3 is at last a mapping of its own */
  char *model = calloc(1, (MOST + 1) * 3000ul), *text = malloc(3000), name[20];
  size_t size = 6;
  memcpy(model, "first", size);
  sprintf(name, "texts%d", number);
  char *base = is_file ? map_file(name, model, size) : memcpy(malloc(size), model, size);
  if (alloc_make_sequence(base, number == 2 ? &slow : alloc_string_family()) != 0) complain("make", base, 0);
  mine->is_sequence = 1; mine->host = is_file ? "mmap" : "__default_lib_malloc";
  mine->base = base; mine->size = size;
  for (int n = 0; !quit; ++n) {
    size_t at = pick(&seed, (unsigned)size);
    while (at > 0 && model[at - 1] != '\0') --at;
    const size_t old = strlen(model + at) + 1;
    const unsigned kind = count >= MOST ? 1 : count < 5 ? 0 : pick(&seed, 3);
    const size_t put = kind == 1 ? 0 : (size_t)make_text(&seed, text, longest);
    const size_t removed = kind == 0 ? 0 : old;
    void *result = NULL;
    mine->turn++;
    const int error = kind == 0 ? alloc_insert_element(base + at, text, put, ALLOC_MAY_MOVE, &result)
                    : kind == 1 ? alloc_remove_element(base + at, 0, &result)
                                : alloc_replace_element(base + at, text, put, ALLOC_MAY_MOVE, &result);
    if (error == ALLOC_E_NOT_YET || error == ALLOC_E_BEING_RESIZED || error == ALLOC_E_NO_ROOM) refused++;
    else if (error != 0) complain(kind == 0 ? "insert" : kind == 1 ? "remove" : "replace", base + at, error);
    else {
      memmove(model + at + put, model + at + removed, size - at - removed);
      memcpy(model + at, text, put);
      size += put - removed, count += kind == 0 ? 1 : kind == 1 ? -1u : 0;
      base = (char *)result - at;
      edits++;
    }
    mine->base = base; mine->size = size;
    mine->turn++;
    if (memcmp(base, model, size) != 0) complain("contents", base, n);
    /* Each element is what it should be. */
    for (int k = 0; k < 3; ++k) {
      size_t begin = pick(&seed, (unsigned)size);
      struct alloc_info info;
      const char *asked_at = base + begin;
      while (begin > 0 && model[begin - 1] != '\0') --begin;
      const int told = alloc_query(asked_at, 0, &info);
      if (told == ALLOC_E_BEING_RESIZED) continue;
      if (told != 0 || info.base != base + begin || info.size != strlen(model + begin) + 1) complain("element", asked_at, told);
    }
    struct stat status;
    if (is_file && (stat(name, &status) != 0 || (size_t)status.st_size != size)) complain("size of the file", base, n);
    if (pick(&seed, 4) == 0) sched_yield();
  }
  free(model), free(text);
  return NULL;
}
/* Of bytes in the middle of a file. */
static void *edit_file(void *which) {
  struct place *mine = which;
  unsigned seed = 77;
  char *model = calloc(1, 100000);
  size_t size = 3000;
  for (size_t i = 0; i < size; ++i) model[i] = (char)(i * 7);
  char *base = map_file("bytes", model, size);
  mine->host = "mmap"; mine->base = base; mine->size = whole(size);
  for (int n = 0; !quit; ++n) {
    const size_t at = pick(&seed, (unsigned)size), count = 1 + pick(&seed, 6000);
    const int is_in = size < 10000 || (size < 60000 && pick(&seed, 2));
    const size_t out = count < size - at ? count : size - at;
    void *result = NULL;
    mine->turn++;
    const int error = is_in ? alloc_insert(base + at, count, ALLOC_MAY_MOVE, &result) : alloc_remove(base + at, out, 0, &result);
    if (error == ALLOC_E_NOT_YET) refused++;
    else if (error != 0) complain(is_in ? "insert bytes" : "remove bytes", base + at, error);
    else {
      base = (char *)result - at;
      if (is_in) {
        memmove(model + at + count, model + at, size - at), size += count;
        for (size_t i = 0; i < count; ++i) if (base[at + i] != 0) { complain("not zero", base + at, n); break; }
        for (size_t i = 0; i < count; ++i) model[at + i] = base[at + i] = (char)(n + (int)i);
      } else {
        memmove(model + at, model + at + out, size - at - out), size -= out;
      }
      edits++;
    }
    mine->base = base; mine->size = whole(size);
    mine->turn++;
    if (memcmp(base, model, size) != 0) complain("bytes", base, n);
  }
  free(model);
  return NULL;
}

/* ---- who comes and goes ---- */

static void *map_and_unmap(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  char *own[8] = {0};
  size_t sizes[8];
  const int fd = open("bystander", O_RDWR | O_CREAT, 0600);
  if (ftruncate(fd, 1 << 20) != 0) complain("ftruncate", NULL, 0);
  while (!quit) {
    const unsigned i = pick(&seed, 8);
    if (own[i] != NULL) munmap(own[i], sizes[i]);
    sizes[i] = 4096ul * (1 + pick(&seed, 30));
    const int is_file = (int)pick(&seed, 2);
    own[i] = mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, is_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, is_file ? fd : -1, is_file ? 4096 * pick(&seed, 100) : 0);
    own[i][pick(&seed, (unsigned)sizes[i])] = 1;
  }
  return NULL;
}
static void *allocate(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  char *own[32] = {0};
  while (!quit) {
    const unsigned i = pick(&seed, 32);
    switch (pick(&seed, 3)) {
      case 0: free(own[i]), own[i] = malloc(pick(&seed, 3000)); break;
      case 1: own[i] = realloc(own[i], 1 + pick(&seed, 300000)); break;
      default: free(own[i]), own[i] = NULL;
    }
  }
  for (int i = 0; i < 32; ++i) free(own[i]);
  return NULL;
}

/* ---- who asks ---- */

static int count_step(const struct alloc_step *step, void *context) { return (void)step, ++*(int *)context > 30; }
static void check(const struct place *place, const char *base, size_t size, const char *at, const struct alloc_info *info) {
  const char *name = info->allocator->name;
  if (place->is_sequence) {
    if ((strcmp(name, "strings") != 0 && strcmp(name, "slow") != 0) || (const char *)info->base < base || (const char *)info->base + info->size > base + size) complain("no element", at, info->error);
  } else if (strcmp(name, place->host) != 0 || info->base != (const void *)base || info->size != size) {
    fprintf(stderr, "%s %p %zu instead of %p %zu\n", name, info->base, info->size, base, size), complain("mapping", at, 0);
  }
}
static void *ask(void *seed_of) {
  unsigned seed = (unsigned)(long)seed_of;
  for (long n = 0; n < 30000; ++n) {
    const struct place *place = &places[pick(&seed, EDITORS + 1)];
    const unsigned turn = place->turn, flags = pick(&seed, 2) ? ALLOC_NOWAIT : 0;
    char *const base = place->base;
    const size_t size = place->size;
    if (base == NULL) continue;
    const char *at = base + pick(&seed, (unsigned)size);
    struct alloc_info info, parent, child;
    struct alloc_cursor cursor;
    char text[200];
    int count = 0;
    asked++;
    const int error = alloc_query(at, flags, &info);
    const unsigned after = place->turn;
    if (error == 0 && ((const char *)info.base > at || (const char *)info.base + info.size <= at)) complain("not around it", at, 0);
    switch (pick(&seed, 8)) {
      case 0: if (error == 0) alloc_get_parent(&info, flags, &parent); break;
      case 1:
        if (error == 0 && alloc_get_parent(&info, flags, &parent) == 0 && alloc_begin_children(&parent, flags, &cursor) == 0)
          while (count++ < 20 && alloc_next_child(&cursor, &child) == 1) if (child.base < parent.base) complain("child outside", at, 0);
        break;
      case 2: alloc_format_path(at, flags, text, sizeof text); break;
      case 3: alloc_describe(at, text, sizeof text); break;
      case 4: if (error == 0) alloc_walk_tree(&info, 0, count_step, &count); break;
      default: break;
    }
    /* Of a mapping the kernel has to be asked. */
    const int may_fail = (error == ALLOC_E_NOT_YET && flags != 0) || error == ALLOC_E_BEING_RESIZED;
    if (turn % 2 == 0 && after == turn && !may_fail) {
      certain++;
      if (error != 0) complain("not told", at, error);
      else check(place, base, size, at, &info);
    }
  }
  return NULL;
}

int main(void) {
  pthread_t threads[9], asking[2];
  places[EDITORS].host = "mmap"; places[EDITORS].size = 8192;
  char *steady = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(steady + 4096, 8192, PROT_READ);
  places[EDITORS].base = steady + 4096;
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, edit_sequence, &places[i]);
  pthread_create(&threads[4], NULL, edit_file, &places[4]);
  for (long i = 5; i < 7; ++i) pthread_create(&threads[i], NULL, map_and_unmap, (void *)i);
  for (long i = 7; i < 9; ++i) pthread_create(&threads[i], NULL, allocate, (void *)i);
  for (long i = 0; i < 2; ++i) pthread_create(&asking[i], NULL, ask, (void *)(i + 11));
  for (int i = 0; i < 2; ++i) pthread_join(asking[i], NULL);
  quit = 1;
  for (int i = 0; i < 9; ++i) pthread_join(threads[i], NULL);
  fprintf(stderr, "%ld edits, %ld refused, %ld asked, %ld of what stayed\n", edits, refused, asked, certain);
  printf("%ld wrong, %s edits, %s refused, %s certain\n", wrong, edits > 1000 ? "many" : "few", refused * 20 < edits ? "few" : "many", certain > 1000 ? "many" : "few");
  return 0;
}
EOF
build a.c -pthread -O1 -Wall -Werror -fno-builtin
preload ./a > out || fail "exit status $?"
expect out <<'EOF'
0 wrong, many edits, few refused, many certain
EOF
