/* SPDX-License-Identifier: Apache-2.0 */
/* The table of notes, and the questions about it. Lines for audit.py, fields separated by tabs:
 *
 *   ROW    number, object's number, kind, allocator, function, thread, base, size, type, expression, count, class
 *   ASK    row, which byte, address, error, allocator, base, size, type error, type, its name, path, thread, name
 *   LINK   allocator, base, size, type, name, index      one for each entry of the path of the ASK before
 *   RUNNING row, error, allocator, type error, thread    the same while the thread whose stack it is on was running
 *   DISAGREE row, which byte, what                       a getter says something else than alloc_query
 */
#define _GNU_SOURCE
#include "audit.h"

#include <allocs.h>
#include <allocs/stop.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { kMostRows = 16384 };

struct row {
  const char* kind;
  const char* allocator;
  const char* function;
  const char* expression;
  const char* type;
  const unsigned char* base;
  size_t size;
  size_t count;
  int object;
  int thread;
  int type_class;
};

static struct row rows[kMostRows];
static int row_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int current_object = -1;
static _Thread_local int last_note;

static int add(struct row row) {
  pthread_mutex_lock(&lock);
  if (row_count == kMostRows) {
    fprintf(stderr, "the table of notes is full\n");
    _exit(1);
  }
  const int at = row_count++;
  row.thread = gettid();
  if (row.object < 0) row.object = at;
  rows[at] = row;
  last_note = at;
  pthread_mutex_unlock(&lock);
  return at;
}

void note_object(const char* kind, const char* allocator, const char* function,
                 const char* expression, const char* type, const void* base, size_t size) {
  current_object =
      add((struct row){kind, allocator, function, expression, type, base, size, 1, -1, 0, 0});
}

void note_part(const char* kind, const char* expression, const char* type, const void* base,
               size_t size) {
  add((struct row){kind, "", "", expression, type, base, size, 1, current_object, 0, 0});
}

void note_class(int type_class) { rows[last_note].type_class = type_class; }

void note_bit_field(const char* expression, const char* type, const void* base, size_t size,
                    const void* set, const void* clear) {
  const unsigned char *a = set, *b = clear;
  size_t first = 0, last = 0, bits = 0;
  for (size_t i = 0; i < size; ++i) {
    if (a[i] == b[i]) continue;
    if (bits == 0) first = i;
    last = i;
    bits += (size_t)__builtin_popcount(a[i] ^ b[i]);
  }
  add((struct row){"bit-field", "", "", expression, type, (const unsigned char*)base + first,
                   last - first + 1, bits, current_object, 0, 0});
}

void note_block(const char* kind, const char* function, const char* expression, const char* type,
                const void* base, size_t size, size_t count) {
  current_object = add((struct row){kind, "__default_lib_malloc", function, expression, type, base,
                                    size, count, -1, 0, 0});
}

static const char* describe(const struct uniqtype* type) {
  static char text[4096];
  if (type == NULL) return "";
  uniqtype_describe(type, text, sizeof(text));
  return text;
}

static void compare_getters(int row, const char* which, const void* at,
                            const struct alloc_info* info) {
  const char* what = NULL;
  if (alloc_get_allocator(at) != info->allocator) what = "alloc_get_allocator";
  if (alloc_get_base(at) != info->base) what = "alloc_get_base";
  if (alloc_get_type(at) != info->type) what = "alloc_get_type";
  if (alloc_get_site(at) != info->site) what = "alloc_get_site";
  const size_t size = alloc_get_size(at);
  const int is_code = info->type != NULL && UNIQTYPE_IS_SUBPROGRAM_TYPE(info->type);
  if (size != (is_code ? 0 : info->size)) what = "alloc_get_size";
  if (what != NULL) printf("DISAGREE\t%d\t%s\t%s\n", row, which, what);
}

/* Its frames can be told when it stands still, not before. */
static void ask_while_it_runs(int row, const void* at) {
  struct alloc_info info;
  alloc_query(at, 0, &info);
  printf("RUNNING\t%d\t%d\t%s\t%d\t%d\n", row, info.error,
         info.allocator == NULL ? "" : info.allocator->name, info.type_error, info.thread);
}

static void ask(int row, const char* which, const void* at) {
  struct alloc_info info;
  char path[4096] = "";
  alloc_query(at, 0, &info);
  alloc_format_path(at, 0, path, sizeof(path));
  printf("ASK\t%d\t%s\t%p\t%d\t%s\t%p\t%zu\t%d\t%s", row, which, at, info.error,
         info.allocator == NULL ? "" : info.allocator->name, info.base, info.size, info.type_error,
         describe(info.type));
  printf("\t%s\t%s\t%d\t%s\n", info.type == NULL ? "" : uniqtype_name(info.type), path, info.thread,
         info.name == NULL ? "" : info.name);
  struct alloc_path_entry links[64];
  const int found = alloc_get_path(at, 0, links, 64);
  for (int i = 0; i < found && i < 64; ++i) {
    printf("LINK\t%s\t%p\t%zu\t%s\t%s\t%lld\n",
           links[i].allocator == NULL ? "" : links[i].allocator->name, links[i].base, links[i].size,
           describe(links[i].type), links[i].name == NULL ? "" : links[i].name,
           (long long)links[i].index);
  }
  compare_getters(row, which, at, &info);
}

__attribute__((noinline)) void ask_everything(void) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  static char buffer[1 << 16];
  setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
  for (int i = 0; i < row_count; ++i) {
    const struct row* row = &rows[i];
    printf("ROW\t%d\t%d\t%s\t%s\t%s\t%d\t%p\t%zu\t%s\t%s\t%zu\t%d\n", i, row->object, row->kind,
           row->allocator, row->function, row->thread, (const void*)row->base, row->size, row->type,
           row->expression, row->count, row->type_class);
  }
  const int self = gettid();
  for (int i = 0; i < row_count; ++i) {
    if (rows[i].thread != self && strcmp(rows[rows[i].object].allocator, "stackframe") == 0)
      ask_while_it_runs(i, rows[i].base);
  }
  const int stopped = alloc_stop_others(SIGRTMIN + 5, 0, NULL);
  if (stopped != ALLOC_OK) {
    fprintf(stderr, "the other threads do not stop: %d\n", stopped);
    _exit(1);
  }
  for (int i = 0; i < row_count; ++i) {
    const struct row* row = &rows[i];
    ask(i, "first", row->base);
    if (row->size > 2) ask(i, "middle", row->base + row->size / 2);
    if (row->size > 1) ask(i, "last", row->base + row->size - 1);
    /* Of a function, or code in it, the size is not known here. */
    const int is_code = row->size == 1 && strchr(row->type, '(') != NULL;
    if (row->object != i || is_code) continue;
    ask(i, "before", row->base - 1);
    ask(i, "past", row->base + row->size);
  }
  alloc_resume_others();
  printf("END\t%d\n", getpid());
  fflush(stdout);
  if (getenv("AUDIT_CORE") != NULL) abort();
  char line[16];
  if (read(0, line, sizeof(line)) < 0) _exit(1);
}
