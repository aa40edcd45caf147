#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `char *p = malloc(n)` is believed where the file does with the block what one does with bytes, and nothing else, wherever it hands it on. One use as something else, or a
# pointer that says nothing, leaves it plausible.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
struct text { char *bytes; size_t length; };
struct pool { char *memory; void *first; };
struct item { struct item *next; };
static size_t n;
static char *kept;
void show(const char *what, ...) __attribute__((format(printf, 1, 2)));
void hand_over(const char *what, ...);
void take_any(void *any);
static void *volatile any_item;
static void local(void) { char *p = malloc(n); p[0] = 1; show("local%p", (void *)(p)); free(p); }
static void unread(void) { char *p = malloc(n); show("unread%p", (void *)(p)); free(p); }
static void copied(void) { char *p = malloc(n), *q; q = p + 2; *q++ = 1; show("copied%p", (void *)(p)); free(p); }
static void copy_cast(void) { char *p = malloc(n), *q = p + 8; p[0] = 1; *(struct item *)q = (struct item){0}; show("copy cast%p", (void *)(p)); free(p); }
static void hidden(struct pool *pool) { char *p = malloc(n); p[0] = 1; pool->first = p; show("hidden%p", (void *)(p)); }
static void add(struct text *text, int c) { text->bytes[text->length++] = (char)c; }
static void member(struct text *text) { text->bytes = malloc(n); add(text, 1); show("member%p", (void *)(text->bytes)); }
static void pool(struct pool *pool) { pool->memory = malloc(n); pool->memory[0] = 1; show("pool%p", (void *)(pool->memory)); }
static struct item *carve(struct pool *pool) { return (struct item *)(pool->memory + 8); }
static void global(void) { kept = malloc(n); kept[1] = 1; show("global%p", (void *)(kept)); }
static char *made(void) { char *p = malloc(n + 1); p[0] = 1; return p; }
static struct item *made_item(void) { return (struct item *)made(); }
static void part(void) { char *p = malloc(n); memcpy(p + 4, "abc", 3); show("part%p", (void *)(p)); free(p); }
static void whole(void) { char *p = malloc(n); memcpy(p, "abc", 3); show("whole%p", (void *)(p)); free(p); }
static void sent(void) { char *p = malloc(n); struct iovec v; v.iov_base = p + 1; v.iov_len = 0; writev(1, &v, 1); show("sent%p", (void *)(p)); free(p); }
static char *slots[4];
static void slot(void) { char *p = malloc(n); p[0] = 1; slots[1] = p; ((struct item *)slots[1])->next = NULL; show("slot%p", (void *)p); }
static void give_out(char **to) { char *p = malloc(n); p[0] = 1; *to = p; show("out%p", (void *)p); }
static struct item *as_items(char **at) { return (struct item *)*at; }
static void lent(void) { char *p = malloc(n); p[0] = 1; any_item = as_items(&p); show("lent%p", (void *)p); }
static void in_union(void) { union { char *bytes; struct item *items; } u; u.bytes = malloc(n); u.bytes[0] = 0; any_item = u.items; show("union%p", (void *)u.bytes); }
static void init_items(char *mem) { struct item *i = (struct item *)mem; i->next = i; }
static void made_items(void) { char *p = malloc(n); p[0] = 1; init_items(p); show("made items%p", (void *)p); }
static void init_any(void *any) { struct item *i = any; i->next = i; }
static void made_any(void) { char *p = malloc(n); p[0] = 1; init_any(p + 16); show("made any%p", (void *)p); }
static void made_there(void) { char *p = malloc(n); p[0] = 1; take_any(p); show("made there%p", (void *)p); }
static char *arena_take(char *memory, size_t k) { return memory + k; }
static void taken(void) { char *p = malloc(n); p[0] = 1; any_item = (struct item *)arena_take(p, 16); show("taken%p", (void *)p); }
static void listed(void) { char *p = malloc(n); p[0] = 1; char *a[2] = {p, p}; any_item = (struct item *)a[0]; show("listed%p", (void *)p); }
static void outside(void) { extern char *shared; shared = malloc(n); shared[0] = 1; show("outside%p", (void *)shared); }
static struct item *of_shared(void) { extern char *shared; return (struct item *)shared; }
static void handed(void) { char *p = malloc(n); p[0] = 1; hand_over("any", p); show("handed%p", (void *)p); }
static void in_assembly(void) { char *p = malloc(n); struct item *q; p[0] = 1; __asm__("" : "=r"(q) : "0"(p)); any_item = q; show("assembly%p", (void *)p); }
static void stacked(void) { char *p = malloc(n); struct item it = {0}; for (size_t i = 0; i < 2; ++i) memcpy(p + i * sizeof it, &it, sizeof it); show("stacked%p", (void *)p); }
static void copied_into(void) { char *p = malloc(n); struct item it = {0}; p[0] = 1; any_item = memcpy(p, &it, sizeof it); show("copied into%p", (void *)p); }
static void found_in(void) { char *p = malloc(n); p[0] = 1; p[1] = 0; any_item = (struct item *)strchr(p, 1); show("found in%p", (void *)p); }
static void seen(char *bytes) { bytes[1] = 2; }
static void seen_inside(void) { char *p = malloc(n); seen(p); show("seen inside%p", (void *)p); free(p); }
struct sink { int (*write)(struct sink *, const void *, size_t); int (*fill)(struct sink *, void *, size_t); void (*look)(const void *); };
extern struct sink *sink;
unsigned digest(const void *any, size_t length);
const void *skip(const void *any, size_t length);
void each(const void *any, size_t length, void (*visit)(const void *));
unsigned digest_item(const struct item *item);
struct view { void *at; size_t length; };
size_t align_up(const void *any, size_t by);
intptr_t number_of(const void *any, size_t length);
long distance_of(const void *any, size_t length);
ssize_t put(const void *any, size_t length);
struct view view_of(const void *any, size_t length);
int locate(const void *any, size_t length, struct item **to);
int locate_any(const void *any, size_t length, void **to);
int locate_number(const void *any, size_t length, uintptr_t *to);
int locate_many(const void *any, size_t length, ...);
void remember(int key, const void *any);
void *recall(int key);
#include "lib.h"
static void read_only(void) { char *p = malloc(n); p[0] = 1; digest(p, n); show("read only%p", (void *)p); free(p); }
static void only_read(void) { char *p = malloc(n); digest(p, n); show("only read%p", (void *)p); free(p); }
static void by_member(void) { char *p = malloc(n); p[0] = 1; sink->write(sink, p, n); show("by member%p", (void *)p); free(p); }
static void by_inline(void) { char *p = malloc(n); p[0] = 1; sink_write(sink, p + 1, n); show("by inline%p", (void *)p); free(p); }
static void in_variable(void) { char *p = malloc(n); const void *v = p; p[0] = 1; digest(v, n); show("in variable%p", (void *)p); free(p); }
static void inline_casts(void) { char *p = malloc(n); p[0] = 1; any_item = sink_peek(p); show("inline casts%p", (void *)p); }
static struct item *peek(const void *any) { const struct item *item = any; return item->next; }
static void peeked(void) { char *p = malloc(n); p[0] = 1; any_item = peek(p); show("peeked%p", (void *)p); }
static void variable_casts(void) { char *p = malloc(n); const void *v = p; p[0] = 1; any_item = ((const struct item *)v)->next; show("variable casts%p", (void *)p); }
static void unconst(void) { char *p = malloc(n); const void *v = p; p[0] = 1; any_item = (void *)v; show("unconst%p", (void *)p); }
static void skipped(void) { char *p = malloc(n); p[0] = 1; const struct item *i = skip(p, 8); any_item = (void *)i; show("skipped%p", (void *)p); }
static void as_item(void) { char *p = malloc(n); p[0] = 1; digest_item((const struct item *)p); show("as item%p", (void *)p); }
static void look(const void *any) { any_item = ((const struct item *)any)->next; }
static void looked(void) { char *p = malloc(n); p[0] = 1; sink->look(p); show("looked%p", (void *)p); }
static void visited(void) { char *p = malloc(n); p[0] = 1; each(p, n, look); show("visited%p", (void *)p); }
static void filled(void) { char *p = malloc(n); p[0] = 1; sink->fill(sink, p, n); show("filled%p", (void *)p); }
static struct { const void *at; } record;
static void recorded(void) { char *p = malloc(n); p[0] = 1; record.at = p; any_item = (void *)((const struct item *)record.at)->next; show("recorded%p", (void *)p); }
static const void *global_any;
static void in_global(void) { char *p = malloc(n); p[0] = 1; global_any = p; show("in global%p", (void *)p); }
static void aligned(void) { char *p = malloc(n); p[0] = 1; any_item = (struct item *)align_up(p, 16); show("aligned%p", (void *)p); }
static void aligned_sum(void) { char *p = malloc(n); p[0] = 1; any_item = (struct item *)(align_up(p, 16) + 16); show("aligned sum%p", (void *)p); }
static void aligned_unused(void) { char *p = malloc(n); p[0] = 1; if (align_up(p, 1) == 0) any_item = NULL; show("number compared%p", (void *)p); free(p); }
static void numbered(void) { char *p = malloc(n); p[0] = 1; intptr_t at = number_of(p, n); any_item = (struct item *)at; show("numbered%p", (void *)p); }
static void cast_number(void) { char *p = malloc(n); p[0] = 1; any_item = (struct item *)(distance_of(p, n)); show("cast number%p", (void *)p); }
static void was_put(void) { char *p = malloc(n); p[0] = 1; ssize_t done = put(p, n); show("put%p", (void *)p); if (done > 0) free(p); }
static void viewed(void) { char *p = malloc(n); p[0] = 1; any_item = view_of(p, n).at; show("viewed%p", (void *)p); }
static void located(void) { char *p = malloc(n); struct item *i; p[0] = 1; locate(p, n, &i); any_item = i; show("located%p", (void *)p); }
static void located_any(void) { char *p = malloc(n); void *i; p[0] = 1; locate_any(p, n, &i); any_item = i; show("located any%p", (void *)p); }
static void located_number(void) { char *p = malloc(n); uintptr_t i; p[0] = 1; locate_number(p, n, &i); any_item = (void *)i; show("located number%p", (void *)p); }
static void located_many(void) { char *p = malloc(n); struct item *i; p[0] = 1; locate_many(p, n, &i); any_item = i; show("located many%p", (void *)p); }
static void remembered(void) { char *p = malloc(n); p[0] = 1; remember(7, p); any_item = recall(7); show("remembered%p", (void *)p); }
static pthread_key_t key;
static void of_thread(void) { char *p = malloc(n); p[0] = 1; pthread_setspecific(key, p); show("of thread%p", (void *)p); }
static void *run(void *any) { any_item = ((struct item *)any)->next; return NULL; }
static void to_thread(void) { char *p = malloc(n); pthread_t t; p[0] = 1; if (pthread_create(&t, NULL, run, p) == 0) pthread_join(t, NULL); show("to thread%p", (void *)p); }
static void in_event(void) { char *p = malloc(n); struct epoll_event e; p[0] = 1; e.data.ptr = p; any_item = ((struct item *)e.data.ptr)->next; show("in event%p", (void *)p); }
static char *text(void) { char *p = malloc(n + 2); p[0] = 1; return p; }
int main(int argc, char **argv) {
  struct text t = {0};
  struct pool p = {0};
  n = (size_t)argc * 100;
  (void)argv;
  local(); unread(); copied(); copy_cast(); hidden(&p); member(&t); pool(&p);
  carve(&p)->next = NULL;
  global();
  show("result%p", (void *)(made_item()));
  show("text%p", (void *)(text()));
  part(); whole(); sent();
  char *out;
  slot(); give_out(&out); lent(); in_union(); made_items(); made_any(); made_there(); taken(); listed(); outside();
  any_item = of_shared();
  handed(); in_assembly(); stacked(); copied_into(); found_in(); seen_inside(); of_header();
  read_only(); only_read(); by_member(); by_inline(); in_variable(); inline_casts(); peeked(); variable_casts(); unconst(); skipped(); as_item();
  aligned(); aligned_sum(); aligned_unused(); numbered(); cast_number(); was_put(); viewed(); located(); located_any(); located_number(); located_many(); remembered();
  looked(); visited(); filled(); recorded(); in_global(); of_thread(); to_thread(); in_event();
  return 0;
}
END
cat > lib.h << 'END'
static void of_header(void) { char *p = malloc(n); p[0] = 1; show("header%p", (void *)p); free(p); }
static inline int sink_write(struct sink *to, const void *any, size_t length) { return to->write(to, any, length); }
static inline struct item *sink_peek(const void *any) { return ((const struct item *)any)->next; }
END
cat > b.c << 'END'
#include <allocs.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
char *shared;
struct sink { int (*write)(struct sink *, const void *, size_t); int (*fill)(struct sink *, void *, size_t); void (*look)(const void *); };
struct item { struct item *next; };
static int write_bytes(struct sink *to, const void *any, size_t length) { (void)to; return ((const char *)any)[0] + (int)length; }
static int fill_bytes(struct sink *to, void *any, size_t length) { (void)to; memset(any, 0, length); return 0; }
static void look_at(const void *any) { (void)any; }
static struct sink the_sink = {write_bytes, fill_bytes, look_at};
struct sink *sink = &the_sink;
unsigned digest(const void *any, size_t length) { return (unsigned)length + *(const unsigned char *)any; }
const void *skip(const void *any, size_t length) { return (const char *)any + length; }
void each(const void *any, size_t length, void (*visit)(const void *)) { (void)length; visit(any); }
unsigned digest_item(const struct item *item) { return item->next != NULL; }
struct view { void *at; size_t length; };
size_t align_up(const void *any, size_t by) { return ((size_t)any + by - 1) & ~(by - 1); }
intptr_t number_of(const void *any, size_t length) { return (intptr_t)any + (length == 0); }
long distance_of(const void *any, size_t length) { return (long)any + (length == 0); }
ssize_t put(const void *any, size_t length) { return any != NULL ? (ssize_t)length : -1; }
struct view view_of(const void *any, size_t length) { return (struct view){(void *)any, length}; }
int locate(const void *any, size_t length, struct item **to) { return *to = (struct item *)any, length != 0; }
int locate_any(const void *any, size_t length, void **to) { return *to = (void *)any, length != 0; }
int locate_number(const void *any, size_t length, uintptr_t *to) { return *to = (uintptr_t)any, length != 0; }
int locate_many(const void *any, size_t length, ...) {
  va_list arguments;
  va_start(arguments, length);
  *va_arg(arguments, struct item **) = (struct item *)any;
  va_end(arguments);
  return 1;
}
static const void *table[16];
void remember(int key, const void *any) { table[key] = any; }
void *recall(int key) { return (void *)table[key]; }
void hand_over(const char *what, ...) { (void)what; }
void take_any(void *any) { *(void **)any = any; }
void show(const char *what, ...) {
  struct alloc_info info;
  va_list arguments;
  va_start(arguments, what);
  const void *block = va_arg(arguments, void *);
  va_end(arguments);
  printf("%.*s: ", (int)(strchr(what, '%') - what), what);
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) puts("no type");
  else printf("%s %d%s\n", UNIQTYPE_NAME(info.type), info.type_grade, info.evidence & ALLOC_EV_SITE_USE ? " by its use" : "");
}
END
command -v allocscc > /dev/null || skip "allocscc was not built"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -fno-inline -I "$ALLOCS_PREFIX/include" a.c b.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
local: __ARR0_signed_char$8 3 by its use
unread: __ARR0_signed_char$8 2
copied: __ARR0_signed_char$8 3 by its use
copy cast: __ARR0_signed_char$8 2
hidden: __ARR0_signed_char$8 2
member: __ARR0_signed_char$8 3 by its use
pool: __ARR0_signed_char$8 2
global: __ARR0_signed_char$8 3 by its use
result: __ARR0_signed_char$8 2
text: __ARR0_signed_char$8 3 by its use
part: __ARR0_signed_char$8 2
whole: __ARR0_signed_char$8 2
sent: __ARR0_signed_char$8 3 by its use
slot: __ARR0_signed_char$8 2
out: __ARR0_signed_char$8 2
lent: __ARR0_signed_char$8 2
union: __ARR0_signed_char$8 2
made items: __ARR0_signed_char$8 2
made any: __ARR0_signed_char$8 2
made there: __ARR0_signed_char$8 2
taken: __ARR0_signed_char$8 2
listed: __ARR0_signed_char$8 2
outside: __ARR0_signed_char$8 2
handed: __ARR0_signed_char$8 2
assembly: __ARR0_signed_char$8 2
stacked: __ARR0_signed_char$8 2
copied into: __ARR0_signed_char$8 2
found in: __ARR0_signed_char$8 2
seen inside: __ARR0_signed_char$8 3 by its use
header: __ARR0_signed_char$8 2
read only: __ARR0_signed_char$8 3 by its use
only read: __ARR0_signed_char$8 2
by member: __ARR0_signed_char$8 3 by its use
by inline: __ARR0_signed_char$8 3 by its use
in variable: __ARR0_signed_char$8 3 by its use
inline casts: __ARR0_signed_char$8 2
peeked: __ARR0_signed_char$8 2
variable casts: item 2
unconst: __ARR0_signed_char$8 2
skipped: __ARR0_signed_char$8 2
as item: item 2
aligned: __ARR0_signed_char$8 2
aligned sum: __ARR0_signed_char$8 2
number compared: __ARR0_signed_char$8 3 by its use
numbered: __ARR0_signed_char$8 2
cast number: __ARR0_signed_char$8 2
put: __ARR0_signed_char$8 3 by its use
viewed: __ARR0_signed_char$8 2
located: __ARR0_signed_char$8 2
located any: __ARR0_signed_char$8 2
located number: __ARR0_signed_char$8 2
located many: __ARR0_signed_char$8 2
remembered: __ARR0_signed_char$8 2
looked: __ARR0_signed_char$8 2
visited: __ARR0_signed_char$8 2
filled: __ARR0_signed_char$8 2
recorded: __ARR0_signed_char$8 2
in global: __ARR0_signed_char$8 2
of thread: __ARR0_signed_char$8 2
to thread: __ARR0_signed_char$8 2
in event: __ARR0_signed_char$8 2
END
  done
done
