#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Blocks of any malloc stay until the last of their holders lets go, are told of meanwhile, and what would take them from under others is refused or reported.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point { long x, y; };
static struct point *p;
static struct alloc_holder *count, *cache, *explicit_one;
static int told, excess;
static void *last_told, *next_to_go;
static size_t last_size;
static int error_in_gone;
static void gone(void *context, void *block, size_t size) {
  ++*(int *)context, last_told = block, last_size = size;
  error_in_gone = alloc_hold(block, count);
  free(block);  /* one more mistake */
  if (next_to_go != NULL) { void *next = next_to_go; next_to_go = *(void **)next; alloc_let_go(next, cache); }
}
static void on_excess(void *context, void *block) { excess += context == &excess && block != NULL; free(malloc(100)); }
static const char *holders(const void *of) {
  static char text[400];
  struct alloc_held_by by[8];
  const int n = alloc_get_holders(of, by, 8);
  size_t at = (size_t)snprintf(text, sizeof text, "%d:", n);
  for (int i = 0; i < n; ++i) at += (size_t)snprintf(text + at, sizeof text - at, " %s %zu", by[i].name, by[i].count);
  return text;
}
static const char *told_holders(const void *of) {
  static char text[600];
  alloc_describe(of, text, sizeof text);
  const char *held = strstr(text, "held by");
  return held != NULL ? held : "not held";
}
static int lifetime(const void *of) {
  struct alloc_info info;
  struct alloc_traits traits;
  return alloc_query(of, 0, &info) == 0 && alloc_get_traits(&info, &traits) == 0 ? traits.lifetime : -1;
}
static int is_there(const void *of) { return alloc_get_base(of) == of && alloc_get_holders(of, NULL, 0) >= 0; }
static int pool_find(void *c, const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *child) { (void)c, (void)flags, (void)child, (void)parent, (void)at; return ALLOC_E_NOTHING_THERE; }
static struct allocator pool = {"pool"};
static struct alloc_protocol protocol = {.size = sizeof protocol, .find = pool_find, .next = pool_find};

/* One after the other: a compiler may take arguments in any order. */
#define P(what) printf(" %d", (int)(what))

int main(void) {
  count = alloc_counted_holder(), explicit_one = alloc_explicit_holder();
  struct alloc_policy policy = {.size = sizeof policy, .name = "cache", .gone = gone, .context = &told};
  printf("register %d", alloc_register_holder(&policy, &cache));
  struct alloc_policy wrong = policy;
  wrong.kind = ALLOC_HOLDS_UNTIL_FREED;
  printf(" %d", alloc_register_holder(&wrong, &cache));
  wrong.kind = 0, wrong.name = NULL;
  printf(" %d %d\n", alloc_register_holder(&wrong, &cache), alloc_register_holder(NULL, &cache));
  alloc_set_excess_free(on_excess, &excess);

  p = malloc(sizeof *p);
  p->x = 7;
  printf("born %s, %d\n", holders(p), lifetime(p));
  printf("hold"), P(alloc_hold(&p->y, count)), P(alloc_hold(p, count)), P(alloc_hold(p, cache)), printf("\n");
  printf("%s; %s; %d\n", holders(p), told_holders(p), lifetime(p));
  struct uniqtype *type = alloc_get_type(p);
  const void *site = alloc_get_site(p);
  errno = 99;
  free(p);
  printf("freed: errno %d, %s, %d, x %ld, as before %d\n", errno, holders(p), lifetime(p), p->x, alloc_get_type(p) == type && alloc_get_site(p) == site && alloc_get_size(p) == sizeof *p && is_there(p));
  free(p);
  errno = 0;
  void *resized = realloc(p, 100);
  printf("again: %d, realloc %d %d, alloc_free %d", excess, resized == NULL, errno == ENOMEM, alloc_free(p));
  printf(", counted %d\n", alloc_count_excess_frees() == 2);
  printf("%s, x %ld\n", holders(p), p->x);
  printf("let go %d", alloc_let_go(p, count));
  printf(" %d", alloc_let_go(&p->y, count));
  P(alloc_let_go(p, count)), printf(", told"), P(told), P(is_there(p));
  const void *was = p;
  P(alloc_let_go(p, cache));
  printf(", told %d %d %d, held in there %d, freed in there %d\n", told, last_told == was && last_size == sizeof *p, is_there(was), error_in_gone, excess);

  /* The explicit holder last: free tells, and frees. */
  p = calloc(3, sizeof *p);
  alloc_hold(p, cache), alloc_let_go(p, cache);
  printf("held once: %s", holders(p));
  free(p);
  printf(", told %d, there %d\n", told, is_there(p));
  p = malloc(40);
  alloc_hold(p, count);
  printf("explicit: %d", alloc_let_go(p, explicit_one));
  P(alloc_let_go(p, explicit_one)), printf(", %s", holders(p));
  alloc_let_go(p, count);
  printf(", there %d\n", is_there(p));

  /* realloc */
  char *block = malloc(100), *same;
  strcpy(block, "kept");
  alloc_hold(block, count);
  same = realloc(block, 50);
  printf("smaller %d %zu", same == block, alloc_get_size(block));
  same = realloc(block, malloc_usable_size(block));
  printf(", as large as it is %d %d", same == block, alloc_get_size(block) == malloc_usable_size(block));
  errno = 0;
  same = realloc(block, 5000);
  printf(", too large %d %d, %s", same == NULL, errno == ENOMEM, block);
  void *base = NULL;
  struct alloc_moving moving = {0};
  P(alloc_resize(block, 100000, ALLOC_MAY_MOVE, &base)), P(alloc_resize_moving(block, 100000, &moving, &base)), P(alloc_migrate(block, NULL, NULL, &base));
  P(alloc_resize(block, 30, 0, &base)), printf(" %zu\n", alloc_get_size(block));
  alloc_set_type(block, type);
  site = alloc_get_site(block);
  same = realloc(block, 0);
  printf("to nothing %d, %s, %s, %zu, as before %d\n", same == NULL, block, holders(block), alloc_get_size(block), alloc_get_type(block) == type && alloc_get_site(block) == site);
  alloc_let_go(block, count);
  printf("there %d\n", is_there(block));
  block = malloc(100);
  strcpy(block, "moved");
  alloc_hold(block, cache), alloc_let_go(block, cache);
  block = realloc(block, 300000);
  told = 0;
  alloc_hold(block, count);
  printf("with who is to be told: %s, %s, %zu", block, holders(block), alloc_get_size(block));
  free(block);
  printf(", told %d", told);
  alloc_let_go(block, count);
  printf(" %d %d\n", told, last_told == block && last_size == 300000);

  /* Every way to make a block. */
  void *made[6] = {aligned_alloc(64, 128), memalign(4096, 10), valloc(5), malloc(0), malloc(3000000), NULL};
  if (posix_memalign(&made[5], 256, 24) != 0) return 1;
  int kept = 0, went = 0;
  for (int i = 0; i < 6; ++i) {
    void *obj = made[i];
    const size_t size = alloc_get_size(obj);
    if (alloc_hold(obj, count) != 0) printf("not held: %d\n", i);
    free(obj);
    kept += is_there(obj) && alloc_get_size(obj) == size;
    alloc_let_go(obj, count);
    went += !is_there(obj);
  }
  printf("all ways: %d %d\n", kept, went);

  /* A chain that goes by itself is no recursion. */
  told = 0;
  enum { LINKS = 200000 };
  for (int i = 0; i < LINKS; ++i) {
    void **link = malloc(24);
    *link = next_to_go;
    alloc_hold(link, cache);
    free(link);
    next_to_go = link;
  }
  void *first = next_to_go;
  next_to_go = *(void **)first;
  alloc_let_go(first, cache);
  printf("chain: %d\n", told == LINKS);

  /* What cannot be held. */
  static long variable;
  long local = 0;
  printf("refused:"), P(alloc_hold(&variable, count)), P(alloc_hold(&local, count)), P(alloc_hold(NULL, count));
  P(alloc_hold(made, NULL)), P(alloc_hold(made, explicit_one)), P(alloc_hold(made, (struct alloc_holder *)made));
  block = malloc(1000);
  printf(", not held %d", alloc_let_go(block, count));
  alloc_register_allocator(&pool, &protocol);
  alloc_hold(block, count);
  printf(", pool %d", alloc_promote(block, &pool));
  alloc_let_go(block, count);
  printf(" %d", alloc_promote(block, &pool));
  alloc_demote(block);
  strcpy(block, "text");
  memset(block + 4, 0, 996);
  printf(", sequence"), P(alloc_make_sequence(block, alloc_string_family())), P(alloc_hold(block, count));
  alloc_demote(block);
  printf(" %d", alloc_hold(block, count));
  free(block);
  printf(", stopped %d", alloc_stop_others(34, 1000, NULL));
  P(alloc_hold(block, count)), P(alloc_let_go(block, count));
  alloc_resume_others();
  printf(" %d\n", alloc_let_go(block, count));
  return 0;
}
EOF
build a.c -Wall -Werror -fno-builtin
allocs meta build ./a > made
preload ./a > out || fail "exit status $?"
cat > wanted <<'EOF'
register 0 -12 -12 -12
born 1: free 1, 1
hold 0 0 0
3: free 1 cache 1 references 2; held by free, cache, references (2); 7
freed: errno 99, 2: cache 1 references 2, 7, x 7, as before 1
again: 2, realloc 1 1, alloc_free -31, counted 1
2: cache 1 references 2, x 7
let go 0 0 -31, told 0 1 0, told 1 1 0, held in there -1, freed in there 3
held once: 1: free 1, told 2, there 0
explicit: 0 -31, 1: references 1, there 0
smaller 1 50, as large as it is 1 1, too large 1 1, kept -30 -30 -30 0 30
to nothing 1, kept, 1: references 1, 30, as before 1
there 0
with who is to be told: moved, 2: free 1 references 1, 300000, told 0 1 1
all ways: 6 6
chain: 1
refused: -14 -14 -1 -12 -12 -12, not held -31, pool -30 0, sequence 0 -14 0, stopped 0 -26 -26 0
EOF
expect out < wanted

# The same over other mallocs, by their own names too, and by operators.
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a > out || fail "over $malloc: exit status $?"
  expect out < wanted
done

# Without memory for the tables nothing is held, and nothing has changed.
cat > b.c <<'EOF'
#include <allocs/lifetime.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
int main(void) {
  char *block = malloc(100);
  alloc_get_base(block);
  struct rlimit before, little = {1 << 20, RLIM_INFINITY};
  getrlimit(RLIMIT_AS, &before);
  setrlimit(RLIMIT_AS, &little);
  int error = alloc_hold(block, alloc_counted_holder());
  printf("%d %d", error, alloc_get_holders(block, NULL, 0));
  setrlimit(RLIMIT_AS, &before);
  error = alloc_hold(block, alloc_counted_holder());
  printf(", %d %d", error, alloc_get_holders(block, NULL, 0));
  free(block);
  printf(", %d\n", alloc_let_go(block, alloc_counted_holder()));
  return 0;
}
EOF
build b.c -fno-builtin
preload ./b > out || fail "exit status $?"
expect out <<'EOF'
-11 1, 0 2, 0
EOF
