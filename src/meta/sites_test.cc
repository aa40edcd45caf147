// SPDX-License-Identifier: Apache-2.0
#include "meta/sites.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "meta/site_checks_test.h"

namespace allocs::meta {
namespace {

constexpr std::string_view kC = R"(#include <stdlib.h>
#include <string.h>
struct point { int x, y; };
struct node { struct node *next; struct point *points; void *cookie; char *name; long payload[3]; };
struct header { size_t n; };
struct packet { struct header header; int size; char data[]; };
struct old_packet { size_t n; char data[1]; };
struct animal { int kind; int legs; };
struct dog { struct animal base; int teeth; int bones; };
struct color { char r, g, b; };
union value { long i; double d; void *p; };
struct table { struct node *slots[8]; struct point **rows; int *counts; union value *values; };
struct node *head; struct table tables[4]; void *anything; double *weights; char **words;
int teeth(struct dog *d) { return d->teeth; }
__attribute__((noinline)) void keep(struct node *n) { head = n; }
__attribute__((noinline)) void *xmalloc(size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline)) void *xcalloc(size_t n, size_t size) { void *p = calloc(n, size); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline)) void *xrealloc(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline, noclone)) void *same(void *p, size_t n) { return p; }
__attribute__((noinline)) void *usable(size_t n, size_t *given) { void *p = malloc(n ? n : 8); if (!p) abort(); *given = n; return same(p, n); } //= wrapper
void one_usable(void) { size_t given; struct node *n = usable(sizeof(struct node), &given); keep(n); } //= node
__attribute__((noinline)) void *outer(size_t n) { return xmalloc(n ? n : 1); } //= wrapper
__attribute__((noinline)) void *xzalloc(size_t n) { return memset(xmalloc(n), 0, n); } //= wrapper
__attribute__((noinline)) void *units(int is_wide, size_t n) { void *p; if (is_wide) p = malloc(n * 24); else p = malloc(n * 4); if (!p) abort(); return p; } //= wrapper
void *volatile hidden;
__attribute__((noinline)) void *with_animal(size_t n) { struct animal *a = malloc(sizeof *a + n); if (!a) abort(); a->legs = 4; return a; } //= none
void points_with_animal(int k) { struct point *p = with_animal(k * sizeof *p); hidden = p; } //= none
struct six { double weights[6]; };
void wide_or_narrow(int k) { struct six *p = units(k, 2); p->weights[0] = 1; hidden = p; } //= none
void narrow_or_wide(int k) { struct point *p = units(k, 2); p->x = 1; hidden = p; } //= none
void one(void) { struct node *n = malloc(sizeof *n); keep(n); } //= node
void one_zeroed(void) { struct node *n = calloc(1, sizeof *n); keep(n); } //= node
void nodes(int k) { struct node *n = malloc(k * sizeof *n); keep(n); } //= __ARR0_node
void ten(void) { struct node *n = malloc(10 * sizeof *n); keep(n); } //= __ARR0_node
void nodes_zeroed(int k) { struct node *n = calloc(k, sizeof *n); keep(n); } //= __ARR0_node
void grow(int k) { head = realloc(head, (k + 1) * sizeof *head); } //= __ARR0_node
void field(struct node *n) { n->points = malloc(sizeof *n->points); } //= point
void fields(struct node *n, int k) { n->points = malloc(k * sizeof *n->points); } //= __ARR0_point
void text_field(struct node *n, int k) { n->name = malloc(k + 1); } //= __ARR0_signed_char$8
void perhaps_text_field(struct node *n, int *k) { n->name = malloc(*k + 8); } //= none
void untyped_field(struct node *n, int k) { n->cookie = malloc(k); } //= none
void untyped_global(int k) { anything = malloc(k); } //= none
void ints(void) { int *p = malloc(42 * sizeof(int)); hidden = p; p[1] = 3; } //= __ARR0_int$32
void one_int(void) { int *p = malloc(sizeof(int)); *p = 3; hidden = p; } //= int$32
void global(int k) { weights = malloc(k * sizeof(double)); } //= __ARR0_float$64
void strings(int k) { words = malloc(k * sizeof *words); } //= __ARR0___PTR_signed_char$8
void string(int k) { words[k] = malloc(80); } //= __ARR0_signed_char$8
void duplicate(const char *s) { hidden = strdup(s); } //= __ARR0_signed_char$8
void element(int i) { tables[1].slots[i] = malloc(sizeof(struct node)); } //= node
void elements(int i, int k) { tables[i].counts = calloc(k, sizeof(int)); } //= __ARR0_int$32
void rows(struct table *t, int k) { t->rows = malloc(k * sizeof *t->rows); } //= __ARR0___PTR_point
void row(struct table *t, int k) { t->rows[k] = malloc(3 * sizeof(struct point)); } //= __ARR0_point
void values(struct table *t, int k) { t->values = malloc(k * sizeof(union value)); } //= __ARR0_value
void flexible(int k) { struct packet *p = malloc(sizeof *p + k); p->size = k; hidden = p; } //= packet
void old_flexible(int k) { struct old_packet *p = malloc(sizeof *p + k); p->n = k; hidden = p; } //= old_packet
struct item { struct node *node; long at; void *more; };
struct list { int count, room; struct item items[1]; };
void four_behind_the_first(void) { struct list *l = malloc(sizeof *l + 4 * sizeof l->items[0]); l->count = 4; hidden = l; } //= list
void five_behind_the_first(void) { struct list *l = malloc(sizeof *l + 5 * sizeof l->items[0]); l->count = 5; hidden = l; } //= list
void trailing(int k) { struct header *h = malloc(sizeof *h + k); h->n = k; hidden = h; } //= none
void wrapped(void) { struct node *n = xmalloc(sizeof *n); keep(n); } //= node
void wrapped_and_cleared(void) { struct node *n = xzalloc(sizeof *n); keep(n); } //= node
void wrapped_array(int k) { struct point *p = xcalloc(k, sizeof *p); p->x = 1; hidden = p; } //= __ARR0_point
void wrapped_again(int k) { weights = outer(k * sizeof *weights); } //= __ARR0_float$64
void regrown(int k) { weights = xrealloc(weights, k * sizeof *weights); } //= __ARR0_float$64
void checked(void) { struct node *n = malloc(sizeof *n); if (!n) return; n->next = head; head = n; } //= node
void linked(void) { struct node *n = xmalloc(sizeof *n); n->next = xmalloc(sizeof *n); head = n; } //= node
void through_void(void) { void *p = malloc(sizeof(struct node)); struct node *n = p; keep(n); } //= node
void as_base(void) { struct animal *a = malloc(sizeof(struct dog)); a->kind = 1; hidden = a; } //= none or dog
void odd_size(void) { struct node *n = malloc(50); hidden = n; } //= none
void aligned(void) { struct node *n = aligned_alloc(64, sizeof *n); keep(n); } //= node
void posix(void) { void *p; if (posix_memalign(&p, 64, 4096)) return; hidden = p; } //= none
void posix_typed(void) { struct node *n; if (posix_memalign((void **)&n, 64, sizeof *n)) return; keep(n); } //= node
void bytes(int k) { unsigned char *b = malloc(k); memset(b, 0, k); hidden = b; } //= __ARR0_uint$8 or __ARR0_unsigned_char$8
void colors(int k) { struct color *c = malloc(k * sizeof *c); c->r = 1; hidden = c; } //= __ARR0_color
void either(int k) { struct node *n; if (k) n = malloc(sizeof *n); else n = calloc(1, sizeof *n); keep(n); } //= node
void some_size(size_t *n) { struct node *p = malloc(*n); keep(p); } //= none
void some_ints(size_t *n) { int *p = malloc(*n); p[0] = 1; hidden = p; } //= __ARR0_int$32
struct block { size_t size, used; struct block *next; void *memory; };
void buffer(void) { struct block *b = malloc(sizeof *b + 8192); b->memory = b + 1; hidden = b; } //= none
void dogs_as_animals(int k) { struct animal *a = malloc(k * sizeof(struct dog)); a->kind = 1; hidden = a; } //= none
void loop(int k) { while (k--) { struct node *n = malloc(sizeof *n); n->next = head; head = n; } } //= node
void picks(int k) { size_t n; switch (k) { case 1: n = 24; break; case 2: n = 8; break; case 5: n = 77; break; default: n = 3; } hidden = malloc(n); } //= none
struct gc_head { struct gc_head *next, *previous; };
struct gc_head *young;
__attribute__((noinline)) void *behind_head(struct animal *kind, size_t before) {
  char *memory = malloc(kind->legs + before); //= none
  if (memory == NULL) return NULL;
  ((void **)memory)[0] = NULL;
  struct gc_head *head = (struct gc_head *)(memory + before);
  struct node *object = (struct node *)(head + 1);
  head->next = young; young = head; keep(object);
  return object;
}
void values_at_end(size_t *n) {
  unsigned char *memory = malloc(*n * 8 + 16); //= none
  struct node **slots = (struct node **)(memory + 16);
  memory[15] = 1; slots[*n - 1] = head; anything = slots;
}
void header_and_text(size_t *n) {
  struct node *h = malloc(*n); //= none
  char *text = (char *)h; text[*n - 1] = 0; keep(h);
}
void *marked(size_t *n) {
  unsigned char *p = malloc(*n + 16); //= none
  p[0] = 7; p[15] = 9; return p + 16;
}
void *counted(size_t *n) {
  size_t *p = malloc(*n + 8); //= none
  *p++ = *n; return p;
}
__attribute__((noinline)) void *headed(size_t n) { size_t *p = malloc(n + 8); if (p) { p[0] = n; p++; } return p; } //= none
void behind_a_head(void) { struct node *n = headed(sizeof *n); keep(n); }
void *on_a_line(size_t *n) {
  char *raw = malloc(*n + 64); //= none
  struct node *object = (struct node *)(((size_t)raw + 63) & ~(size_t)63);
  object->cookie = raw; keep(object); return object;
}
struct short_head { unsigned char length, room, kind; char text[]; } __attribute__((packed));
struct long_head { unsigned short length, room; unsigned char kind; char text[]; } __attribute__((packed));
char *behind_one_of_two_heads(const char *from, size_t n) {
  size_t head = n < 256 ? sizeof(struct short_head) : sizeof(struct long_head);
  void *memory = outer(head + n + 1); //= none or __ONE_OF_long_head__short_head
  if (memory == NULL) return NULL;
  if (from == NULL) memset(memory, 0, head + n + 1);
  char *text = (char *)memory + head;
  if (n < 256) {
    struct short_head *h = (struct short_head *)(text - sizeof *h);
    h->length = n; h->room = n; h->kind = 1;
  } else {
    struct long_head *h = (struct long_head *)(text - sizeof *h);
    h->length = n; h->room = n; h->kind = 2;
  }
  if (from != NULL) memcpy(text, from, n);
  text[n] = 0;
  return text;
}
char *joined(const char *a, const char *b) {
  size_t n = strlen(a), k = strlen(b);
  char *all = malloc(n + k + 1); //= __ARR0_signed_char$8
  char *second = all + n;
  memcpy(all, a, n); memcpy(second, b, k + 1); return all;
}
void shouted(const char *from) {
  char *text = malloc(strlen(from) + 1), *to = text; //= __ARR0_signed_char$8
  for (; *from; ++from) *to++ = *from - 32;
  *to = 0; hidden = text;
}
char *skipped(const char *from) {
  char *text = strcpy(malloc(strlen(from) + 1), from); //= __ARR0_signed_char$8
  while (*text == ' ') ++text;
  return text;
}
void grown_text(char **text, size_t *used, const char *more) {
  size_t k = strlen(more);
  char *bigger = realloc(*text, *used + k + 1); //= __ARR0_signed_char$8
  if (bigger == NULL) return;
  memcpy(bigger + *used, more, k + 1); *text = bigger; *used += k;
}
int main(int argc, char **argv) { one(); nodes(argc); hidden = argv; return 0; }
)";

constexpr std::string_view kCxx = R"(#include <memory>
#include <new>
struct point { int x, y; };
struct shape { virtual ~shape(); virtual int area() const; int color; };
struct square : shape { ~square() override; int area() const override; };
struct circle : shape { circle(int r) : radius(r), ratio(1) {} ~circle() override; int area() const override; int radius; long ratio; };
shape::~shape() {} int shape::area() const { return 0; }
square::~square() {} int square::area() const { return 1; }
circle::~circle() {} int circle::area() const { return radius; }
struct owner { point *points; shape *shapes[4]; std::unique_ptr<circle> round; char *text; };
namespace zoo { struct cat { cat(); int lives; cat *friends; }; cat::cat() : lives(9), friends(nullptr) {} }
struct counted { ~counted(); int n; };
counted::~counted() {}
void *volatile hidden;
point *new_point() { return new point{1, 2}; } //= point
void points(owner &o, int n) { o.points = new point[n]; } //= __ARR0_point
void fixed(owner &o) { o.points = new point[7]; } //= __ARR0_point
void shape_of(owner &o) { o.shapes[1] = new shape; } //= shape
void square_as_shape(owner &o) { o.shapes[0] = new square; } //= square
void circle_as_shape(owner &o) { o.shapes[2] = new circle(3); } //= circle
void circle_in_pointer(owner &o) { o.round = std::unique_ptr<circle>(new circle(3)); } //= circle
void made_unique(owner &o, int n) { o.round = std::make_unique<circle>(n); }
void cat() { hidden = new zoo::cat; } //= zoo::cat or none
void cats(int n) { zoo::cat *c = new zoo::cat[n]; c->lives = 8; hidden = c; } //= __ARR0_zoo::cat
void text(owner &o, int n) { o.text = new char[n + 1]; } //= __ARR0_signed_char$8
void cookie(int n) { counted *c = new counted[n]; hidden = c; } //= none
void nothrow(owner &o) { o.points = new (std::nothrow) point; } //= point
void raw(int n) { hidden = operator new(n); } //= none
int main() { hidden = new_point(); return 0; }
)";

// Memory is asked for through pointers, which the program, or its user, has set: of a table of functions, of a parameter.
constexpr std::string_view kPointers = R"(#include <stdlib.h>
struct object { struct object *next; unsigned char kind; };
struct table { struct object head; double *slots; long size; };
struct string { struct object head; long length; char text[]; };
typedef void *(*allocate)(void *context, void *old, size_t before, size_t n);
struct state { allocate get; void *context; struct table *tables; };
static void *by_libc(void *context, void *old, size_t before, size_t n) { if (n == 0) { free(old); return 0; } return realloc(old, n); } //= wrapper
struct state standard = { by_libc, 0, 0 };
void *volatile hidden;
__attribute__((noinline)) void use(struct state *s, allocate get) { s->get = get; }
void set_up(struct state *s) { use(s, by_libc); }
__attribute__((noinline)) void *resize(struct state *s, void *old, size_t before, size_t n) { void *p = s->get(s->context, old, before, n); if (!p && n) abort(); return p; } //= wrapper
__attribute__((noinline)) struct object *new_object(struct state *s, int kind, size_t n) { struct object *o = resize(s, 0, kind, n); o->kind = kind; return o; } //= wrapper
void new_table(struct state *s) { struct table *t = (struct table *)new_object(s, 3, sizeof(struct table)); t->slots = 0; t->size = 0; hidden = t; } //= table
void new_string(struct state *s, long n) { struct string *t = (struct string *)new_object(s, 4, sizeof(struct string) + n); t->length = n; hidden = t; } //= string or none
void grow(struct state *s, struct table *t, long n) { t->slots = resize(s, t->slots, t->size * 8, n * sizeof(double)); } //= __ARR0_float$64
void at_once(struct state *s) { struct table *t = s->get(s->context, 0, 0, sizeof(struct table)); t->size = 1; s->tables = t; } //= table
void several(struct state *s, long n) { s->tables = s->get(s->context, 0, 0, n * sizeof(struct table)); } //= __ARR0_table
void unknown(struct state *s, long n) { hidden = s->get(s->context, 0, 0, n); } //= none
int main() { set_up(&standard); return 0; }
)";

// How much is asked for says another function behind a pointer, which was told what the caller wants; sqlite asks so.
constexpr std::string_view kRounding = R"(#include <stdlib.h>
#include <string.h>
struct methods { void *(*get)(int); void *(*resize)(void *, int); int (*size)(void *); int (*round_up)(int); int (*of_class)(int); };
static void *get(int n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
static void *resize(void *old, int n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
static int size(void *p) { return p != 0; }
static int round_up(int n) { return (n + 7) & ~7; }
static int of_class(int n) { return 16 << n; }
struct methods methods = { get, resize, size, round_up, of_class };
struct expr { struct expr *left, *right; int op, flags; long height[5]; };
struct item { char *name; struct expr *value; };
int counts; long total; void *volatile hidden;
__attribute__((noinline)) void *take(unsigned long n) { void *p; if (n == 0 || n > 0x7fffff00) return 0; if (counts) { int full = methods.round_up((int)n); p = methods.get(full); if (p) total += methods.size(p); } else { p = methods.get((int)n); } return p; } //= wrapper
__attribute__((noinline)) void *take_more(void *old, unsigned long n) { void *p; if (old == 0) return take(n); int full = methods.round_up((int)n); if (methods.size(old) == full) return old; p = methods.resize(old, full); if (p) total += methods.size(p); return p; } //= wrapper
__attribute__((noinline)) void *take_zeroed(unsigned long n) { void *p = take(n); if (p) memset(p, 0, n); return p; } //= wrapper
__attribute__((noinline)) void *by_class(int n) { void *p = methods.get(methods.of_class(n)); total += methods.size(p); return p; } //= wrapper
void one(void) { struct expr *e = take(sizeof *e); if (e) e->op = 1; hidden = e; } //= expr
void one_zeroed(void) { struct expr *e = take_zeroed(sizeof *e); if (e) e->op = 1; hidden = e; } //= expr
void some(int n) { struct item *i = take(n * sizeof *i); if (i) i->name = 0; hidden = i; } //= __ARR0_item
void more(struct item *i, int n) { i = take_more(i, n * sizeof *i); if (i) i[n - 1].name = 0; hidden = i; } //= __ARR0_item
void text(const char *of) { long n = strlen(of) + 1; char *c = take(n); if (c) memcpy(c, of, n); hidden = c; } //= __ARR0_signed_char$8 or none
void of_some_class(void) { struct expr *e = by_class(2); if (e) e->op = 1; hidden = e; } //= expr or none
void none(int n) { hidden = take(n); } //= none
int main() { one(); return 0; }
)";

// A variable that another function's address may be written to, as Python's memory hooks are; at first it leads to one that asks nobody.
constexpr std::string_view kVariables = R"(#include <stdlib.h>
struct hooks { void *context; void *(*get)(void *, size_t); };
static char pool[65536]; static size_t used;
static void *from_pool(void *context, size_t n) { void *p = pool + used; used += n; return p; }
static void *from_libc(void *context, size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
struct hooks hooks = { 0, from_pool };
void choose(void) { hooks.get = from_libc; }
__attribute__((noinline)) void *take(size_t n) { if (n > 0x7fffffff) return 0; void *p = hooks.get(hooks.context, n); if (!p) abort(); return p; } //= wrapper
struct node { struct node *next; long payload[5]; };
void *volatile hidden;
void one(void) { struct node *n = take(sizeof *n); n->next = 0; hidden = n; } //= node
void several(int k) { struct node *n = take(k * sizeof *n); n[1].next = 0; hidden = n; } //= __ARR0_node
int main() { return 0; }
)";

TEST(Sites, OfCAreRightWithEveryCompilerAndLevel) { check_all(kC, false, 95); }
TEST(Sites, ThroughPointersAreRightWithEveryCompilerAndLevel) {
  check_all(kPointers, false, 95, 6);
}
// The same where functions are handed around that are called in several ways.
TEST(Sites, ThroughPointersOfSeveralKindsAreRightWithEveryCompilerAndLevel) {
  std::string source{kPointers};
  source.insert(
      source.find("void *volatile"),
      R"(static void *simply(size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
static void *again(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
struct hooks { void *(*get)(size_t); void *(*resize)(void *, size_t); } hooks = { simply, again };
)");
  check_all(source, false, 95, 6);
}
TEST(Sites, OfSizesThatAreRoundedBehindPointersAreRightWithEveryCompilerAndLevel) {
  check_all(kRounding, false, 99, 6);
}
TEST(Sites, ThroughVariablesThatHoldAnotherFunctionAtFirstAreRightWithEveryCompilerAndLevel) {
  check_all(kVariables, false, 95, 4);
}
TEST(Sites, OfCxxAreRightWithEveryCompilerAndLevel) { check_all(kCxx, true, 90); }

// What one unit of characters is for, a `new char[n]` says as surely as `new int[n]` does.
TEST(Sites, OfNewCharactersAreExact) {
  for (const Compilation& compilation : all_compilations(true)) {
    CompiledSubject subject{compilation, kCxx, true};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    bool is_seen = false;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      if (std::string_view(image->text(site.function)) != "text") continue;
      EXPECT_EQ(site.provenance, types::Provenance::new_expression) << compilation.command;
      is_seen = true;
    }
    EXPECT_TRUE(is_seen) << compilation.command;
  }
}

// What is done with blocks of characters, by the function that asks, and by others through the member that keeps the block. A function
// whose name ends in _agrees has one site, of which use speaks; one whose name ends in _open has one of which it must not.
constexpr std::string_view kUses = R"(#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct head { long size; struct head *next; };
struct client { long id; char *reply; long used; unsigned char *input; struct client *next; };
struct pool { long id; long more; char *memory; char *copied; char *mixed; char *lent; char *named; };
struct room { long number; struct pool inside; };
struct owner { long id; char *text; };
struct owner one_owner;
struct link { long id; char *bytes; };
struct link *current;
struct title { long id; char *named; };
struct big { long numbers[4]; };
struct out { long id; long done; char *sent; char *remembered; char *weighed; char *unknown; };
struct ways { long (*send)(int, const void *, size_t); long (*ask)(const void *); } *ways;
char *kept;
char *slots[4];
void *volatile hidden;
__attribute__((noinline)) void use_head(struct head *h) { hidden = h; }
__attribute__((noinline)) void put(struct client *c, char what) { c->reply[c->used++] = what; }
__attribute__((noinline)) int first_of(struct client *c, int at) { return c->input[at] == '*'; }
__attribute__((noinline)) void copy(struct pool *p, const char *from, long n) { memcpy(p->copied, from, n); }
__attribute__((noinline)) void mark(struct pool *p) { p->mixed[p->id] = 1; }
__attribute__((noinline)) long size_of(struct pool *p) { return ((struct head *)p->mixed)->size; }
__attribute__((noinline)) void mark_lent(struct pool *p) { p->lent[p->id] = 1; }
__attribute__((noinline)) void lend(struct pool *p) { use_head((struct head *)(p->lent + 64)); }
__attribute__((noinline)) void name(struct title *t, const char *as) { snprintf(t->named, 80, "%s!", as); }
__attribute__((noinline)) void name_inside(struct pool *p, const char *as) { snprintf(p->named, 80, "%s!", as); }
__attribute__((noinline)) void use_any(void *any) { struct head *h = any; h->next = h; hidden = h; }
__attribute__((noinline)) long size_of_kept(void) { return ((struct head *)kept)->size; }
__attribute__((noinline)) long size_of_slot(int i) { return ((struct head *)slots[i])->size; }
__attribute__((noinline)) long size_of_owned(void) { return ((struct head *)one_owner.text)->size; }
__attribute__((noinline)) long size_of_current(void) { return ((struct head *)current->bytes)->size; }
__attribute__((noinline)) long send_plainly(int file, const void *from, size_t n) { return write(file, from, n); }
struct ways plain = { send_plainly, 0 };
__attribute__((noinline)) void give_back(void *any) { if (any != NULL) free(any); }
__attribute__((noinline)) void remember(const void *any) { hidden = (void *)any; }
__attribute__((noinline)) unsigned weigh(const void *any, size_t n) { const unsigned char *at = any; unsigned all = 0; while (n--) all = all * 31 + *at++; return all; }
__attribute__((noinline)) void append_sent(struct out *o, const char *from, long n) { memcpy(o->sent + o->done, from, n); }
__attribute__((noinline)) void send_sent(struct out *o, long n) { o->done += ways->send(1, o->sent + o->done, n); give_back(o->sent); }
__attribute__((noinline)) void send_remembered(struct out *o, long n) { o->done += ways->send(1, o->remembered + o->done, n); remember(o->remembered); }
__attribute__((noinline)) void send_weighed(struct out *o, long n) { o->id = weigh(o->weighed, n); write(1, o->weighed, n); }
__attribute__((noinline)) void send_unknown(struct out *o, long n) { write(1, o->unknown + o->done, n); o->id = ways->ask(o->unknown); }
__attribute__((noinline)) void sent_open(struct out *o) { o->sent = malloc(4096); }
__attribute__((noinline)) void remembered_open(struct out *o) { o->remembered = malloc(4096); }
__attribute__((noinline)) void weighed_open(struct out *o) { o->weighed = malloc(4096); }
__attribute__((noinline)) void unknown_open(struct out *o) { o->unknown = malloc(4096); }
__attribute__((noinline)) void filled_agrees(size_t *n) { char *p = malloc(*n); for (size_t i = 0; i < *n; i += 7) p[i] = (char)(i & 31); fputs(p, stdout); free(p); }
__attribute__((noinline)) void joined_agrees(const char *a, size_t *n) { char *p = malloc(*n); strcpy(p, a); fputs(p, stdout); free(p); }
__attribute__((noinline)) void kept_agrees(struct client *c) { c->reply = malloc(16384); }
__attribute__((noinline)) void read_agrees(struct client *c) { c->input = malloc(4096); }
__attribute__((noinline)) void named_agrees(struct title *t) { t->named = malloc(80); }
__attribute__((noinline)) void untouched_open(size_t *n) { char *p = malloc(*n); hidden = p; }
__attribute__((noinline)) void copied_open(struct pool *p) { p->copied = malloc(4096); }
__attribute__((noinline)) void kept_only_open(struct pool *p) { p->memory = malloc(4096); }
__attribute__((noinline)) void numbered_open(size_t *n) { char *p = malloc(*n); *(long *)p = (long)n; p[8 + *n % 3] = 1; hidden = p; }
__attribute__((noinline)) void measured_open(size_t *n) { char *p = malloc(*n); *(double *)(p + 16) = *n * 0.5; p[*n % 3] = 1; hidden = p; }
__attribute__((noinline)) void mixed_open(struct pool *p) { p->mixed = malloc(4096); }
__attribute__((noinline)) void lent_open(struct pool *p) { p->lent = malloc(4096); }
__attribute__((noinline)) void inside_open(struct room *r) { r->inside.named = malloc(80); }
__attribute__((noinline)) void static_open(size_t *n) { kept = malloc(*n); kept[*n - 1] = 0; }
__attribute__((noinline)) void slot_open(size_t *n, int i) { char *p = malloc(*n); p[*n - 1] = 0; slots[i] = p; }
__attribute__((noinline)) void out_open(size_t *n, char **to) { char *p = malloc(*n); p[*n - 1] = 0; *to = p; }
__attribute__((noinline)) void passed_open(size_t *n) { char *p = malloc(*n); p[*n - 1] = 0; use_any(p); }
__attribute__((noinline)) void block_open(size_t *n, struct big *b) { char *p = malloc(*n); p[*n - 1] = 0; *(struct big *)p = *b; fputs(p, stdout); }
__attribute__((noinline)) void owned_open(struct owner *o, size_t *n) { char *p = malloc(*n); o->text = p; p[*n - 1] = 0; }
__attribute__((noinline)) void chained_open(struct link *l, size_t *n) { char *p = malloc(*n); l->bytes = p; p[*n - 1] = 0; }
int main() { return 0; }
)";
// What is asked for says of a structure with an open end: its head, and something. Any other number and something says nothing.
TEST(Sites, OfOpenEndsAreConfirmedByTheHeadInTheSize) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct packet { long number; int size; char data[]; };
struct small { char size; char data[]; };
void *volatile hidden;
__attribute__((noinline)) void whole_agrees(size_t *n) { struct packet *p = malloc(sizeof *p + *n); p->size = 1; hidden = p; }
__attribute__((noinline)) void ended_agrees(size_t *n) { struct packet *p = malloc(12 + *n + 1); p->size = 1; hidden = p; }
__attribute__((noinline)) void roomy_open(size_t *n) { struct packet *p = malloc(sizeof *p + 40 + *n); p->size = 1; hidden = p; }
__attribute__((noinline)) void small_open(size_t *n) { struct small *p = malloc(sizeof *p + *n); p->size = 1; hidden = p; }
int main() { return 0; }
)";
  for (const Compilation& compilation : all_compilations(false)) {
    CompiledSubject subject{compilation, kSource, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    int seen = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const std::string_view function = image->text(site.function);
      seen += site.type != types::kNoType;
      EXPECT_EQ((site.evidence & types::kSiteConstantSizeFits) != 0, function.ends_with("_agrees"))
          << compilation.command << ": " << function;
    }
    EXPECT_EQ(seen, 4) << compilation.command;
  }
}

TEST(Sites, OfAPowerOfTwoOfElementsAreConfirmedByTheStride) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct node { struct node *next; long payload[2]; };
void *volatile hidden;
__attribute__((noinline)) void power(unsigned k) { struct node *n = malloc(sizeof *n << k); n->next = 0; hidden = n; }
struct chunk { struct chunk *next; long used; };
__attribute__((noinline)) void region(unsigned k) { struct chunk *c = malloc(4096ul << k); c->next = 0; hidden = c; }
__attribute__((noinline)) void pages(size_t *n) { struct chunk *c = malloc(*n * 4096); c->next = 0; hidden = c; }
struct item { long a, b; };
__attribute__((noinline)) void followed(size_t *n) { struct item **t = malloc(*n * sizeof *t + *n * sizeof **t); struct item *v = (struct item *)(t + *n); v[0].a = 0; t[0] = v; hidden = t; }
__attribute__((noinline)) void begun(void) { void **b = malloc(4096); struct item *first = (struct item *)(b + 1); *b = hidden; first->a = 1; hidden = b; }
__attribute__((noinline)) void more(unsigned k) { struct chunk *c = malloc(sizeof *c + (48ul << k)); c->next = 0; hidden = c; }
__attribute__((noinline)) void many(size_t *n) { unsigned *t = malloc((100000 * *n + 34) * sizeof *t); t[0] = 1; hidden = t; }
__attribute__((noinline)) void two_parts(size_t *n) { unsigned *t = malloc(*n * 24 + 8 * sizeof *t); t[0] = 1; hidden = t; }
int main() { return 0; }
)";
  for (const Compilation& compilation : all_compilations(false)) {
    CompiledSubject subject{compilation, kSource, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    const auto sites = image->table<types::SiteRecord>(types::Table::sites);
    EXPECT_EQ(sites.size(), 8u);
    for (const types::SiteRecord& site : sites) {
      const std::string_view function = image->text(site.function);
      constexpr auto kFits = types::kSiteStrideFits | types::kSiteConstantSizeFits;
      EXPECT_EQ((site.evidence & kFits) != 0, function == "power" || function == "many")
          << compilation.command << ": " << function;
    }
  }
}

// clang has made one of two calls, and the variable that receives the block is that of one of them.
TEST(Sites, OfCallsOfNoLineAreNotConfirmed) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct leaf { long n, keys[3]; };
struct inner { long n; void *kids[3]; };
__attribute__((noinline)) void *merged(int k) {
  if (k) { struct leaf *l = calloc(1, sizeof *l); if (!l) return NULL; l->keys[0] = 3; return l; }
  struct inner *i = calloc(1, sizeof *i); if (!i) return NULL; i->kids[0] = i; return i;
}
int main() { return 0; }
)";
  CompiledSubject subject{Compilation{"clang-19 -g -O2"}, kSource, false};
  const auto image = subject.image();
  ASSERT_TRUE(image);
  const auto sites = image->table<types::SiteRecord>(types::Table::sites);
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].line, 0u);
  EXPECT_NE(sites[0].type, types::kNoType);
  EXPECT_EQ(sites[0].evidence & (types::kSiteStrideFits | types::kSiteConstantSizeFits), 0);
}

// Several structures may be one and something behind it. A pointer to them that walks over the block says that they are several, if nothing else points there.
TEST(Sites, OfAConstantNumberOfStructuresAreConfirmedByAWalk) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct node { struct node *next; long payload[2]; };
struct item { double a, b; };
struct list { struct node *first, *second; char *text; void *rest; long *numbers; };
struct six { struct node nodes[2]; long numbers[6]; };
void *volatile hidden; struct node *volatile last;
__attribute__((noinline)) void row_agrees(void) {
  struct node *first = malloc(480), *at = first + 1;
  while (at < first + 19) { at->next = at + 1; ++at; }
  at->next = 0; hidden = first;
}
static void carve(char *const memory, unsigned size) {
  struct node *const first = (struct node *)memory, *at, *end;
  first->next = last; first->payload[0] = size / sizeof *first;
  end = &first[first->payload[0] - 1]; last = at = first + 1;
  while (at < end) { at->next = at + 1; at->payload[0] = 0; ++at; }
  at->next = 0;
}
__attribute__((noinline)) void arena_agrees(void) { char *memory = malloc(4080); carve(memory, 4080); }
__attribute__((noinline)) void members_open(struct list *l) { struct node *n = malloc(480); l->first = n; l->second = n + 1; }
__attribute__((noinline)) void passed_open(void) { struct node *n = malloc(160); *n++ = *last; hidden = n; }
#define WALK(n, many) for (struct node *at = n; at < n + many; ++at) at->next = last
__attribute__((noinline)) void text_open(struct list *l) { struct node *n = malloc(480); WALK(n, 10); l->first = n; l->text = (char *)(n + 10); }
__attribute__((noinline)) void rest_open(struct list *l) { struct node *n = malloc(480); WALK(n, 10); l->first = n; l->rest = n + 10; }
__attribute__((noinline)) void numbers_open(struct list *l) { struct node *n = malloc(480); WALK(n, 10); l->first = n; l->numbers = (long *)(n + 10); }
__attribute__((noinline)) void *returned_open(struct list *l) { struct node *n = malloc(480); WALK(n, 10); l->first = n; return n + 10; }
__attribute__((noinline)) void six_open(struct list *l) { struct node *n = ((struct six *)malloc(sizeof(struct six)))->nodes; WALK(n, 2); l->first = n; }
__attribute__((noinline)) void alone_open(void) { struct node *n = malloc(480); n->next = 0; hidden = n; }
__attribute__((noinline)) void third_open(struct list *l) { struct node *n = malloc(480); l->first = n; l->second = n + 2; }
__attribute__((noinline)) void odd_open(struct list *l) { struct node *n = malloc(480); l->first = n; l->second = (struct node *)((char *)n + 32); }
__attribute__((noinline)) void other_open(void) { struct node *n = malloc(480); struct item *i = (struct item *)(n + 1); n->next = 0; i->a = 1; hidden = n; }
__attribute__((noinline)) void others_open(struct list *l) { struct node *n = malloc(480); l->first = n; l->second = n + 1; struct item *i = (struct item *)(n + 4); i->a = 1; hidden = i; }
__attribute__((noinline)) void uncounted_open(struct list *l, size_t *k) { struct node *n = malloc(*k); l->first = n; l->second = n + 1; }
__attribute__((noinline)) void broken_open(struct list *l) { struct node *n = malloc(500); l->first = n; l->second = n + 1; }
int main() { return 0; }
)";
  for (const Compilation& compilation : all_compilations(false)) {
    CompiledSubject subject{compilation, kSource, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    int agree = 0;
    std::string agreeing;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const std::string_view function = image->text(site.function);
      const bool fits = (site.evidence & types::kSiteStrideFits) != 0;
      EXPECT_TRUE(!fits || function.ends_with("_agrees"))
          << compilation.command << ": " << function;
      if (!fits) continue;
      ++agree;
      agreeing.append(" ").append(function);
      EXPECT_EQ(std::string_view{image->text(image->type(site.type)->name)}, "__ARR0_node")
          << compilation.command << ": " << function;
    }
    // Without optimisation the function that makes nodes of characters is another one, and gcc adds to what lies in memory; from -O2 on clang unrolls loops, and
    // the debug information computes the pointer.
    const auto has = [&](std::string_view what) {
      return compilation.command.find(what) != std::string::npos;
    };
    const int expected = has("clang") ? 1 : has("-O0") ? 0 : 2;
    EXPECT_GE(agree, expected) << compilation.command << ":" << agreeing;
  }
}

// The object begins 8 bytes behind `outer`; when code is optimised nothing points there but what the debug information computes.
TEST(Sites, OfMembersOfObjectsAtComputedPlacesHaveTheirTypes) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct value { long low, high; };
struct thread { long id; struct value *stack; long top; };
struct other { long id; void *stack; long top; };
void *volatile given;
__attribute__((noinline)) long either(size_t k, int w) {
  char *outer = given;
  struct thread *inner = (struct thread *)(outer + 8);
  struct other *same = (struct other *)(outer + 8);
  if (w) { inner->top = 0; return 1; }
  same->stack = calloc(k, sizeof(struct value));
  return 2;
}
__attribute__((noinline)) long filled(size_t k) {
  char *outer = given;
  struct thread *inner = (struct thread *)(outer + 8);
  inner->stack = calloc(k, sizeof(struct value));
  inner->top = 0;
  return 1;
}
int main() { return 0; }
)";
  for (const Compilation& compilation : all_compilations(false)) {
    if (compilation.command.find("-O0") != std::string::npos) continue;
    CompiledSubject subject{compilation, kSource, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const types::TypeRecord* type = image->type(site.type);
      const bool is_known = std::string_view(image->text(site.function)) == "filled";
      ASSERT_EQ(type != nullptr, is_known) << compilation.command << image->text(site.function);
      if (!is_known) continue;
      EXPECT_EQ(std::string_view(image->text(type->name)), "__ARR0_value") << compilation.command;
    }
  }
}

// A wrapper of calloc whose case of nothing the compiler makes a way of its own; and rows that are stored in what has just grown, which no variable
// says the type of.
constexpr std::string_view kRows = R"(#include <stdlib.h>
struct pair { void *first; long second; };
struct node { struct node *next; long payload[5]; };
struct grid { unsigned row_size, stride, count; struct pair **rows; };
struct list { unsigned room; int **numbers; void **anything; };
long limit; struct grid grid; struct list list; void *volatile hidden;
__attribute__((noinline)) void check_limit(size_t n) { if (limit == 0) limit = atol(getenv("LIMIT")); if (n > (size_t)limit) abort(); }
__attribute__((noinline)) void *xcalloc(size_t n, size_t size) { if (n && size > (size_t)-1 / n) abort(); check_limit(n * size); void *p = calloc(n, size); if (!p && (!n || !size)) p = calloc(1, 1); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline)) void *xrealloc(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline)) struct pair *pair_at(struct grid *g, unsigned n, int add) {
  unsigned row = n / g->row_size, slot = n % g->row_size;
  if (g->count <= row) {
    if (!add) return NULL;
    g->rows = xrealloc(g->rows, (row + 1) * sizeof *g->rows); //= __ARR0___PTR_pair
    for (unsigned i = g->count; i <= row; i++) g->rows[i] = NULL;
    g->count = row + 1;
  }
  if (!g->rows[row]) {
    if (!add) return NULL;
    g->rows[row] = xcalloc(g->row_size, sizeof **g->rows * g->stride); //= __ARR0_pair
  }
  return &g->rows[row][slot * g->stride];
}
__attribute__((noinline)) void numbers_at(struct list *l, unsigned n) {
  if (l->room <= n) { l->numbers = xrealloc(l->numbers, (n + 1) * sizeof *l->numbers); l->room = n + 1; } //= __ARR0___PTR_int$32
  l->numbers[n] = xcalloc(n, sizeof(int)); //= __ARR0_int$32
}
__attribute__((noinline)) void anything_at(struct list *l, unsigned n, size_t size) {
  if (l->room <= n) { l->anything = xrealloc(l->anything, (n + 1) * sizeof *l->anything); l->room = n + 1; } //= __ARR0___PTR_void
  l->anything[n] = xcalloc(n, size * 16); //= none
}
__attribute__((noinline)) void either_at(struct list *l, struct grid *g, unsigned n, size_t size) {
  hidden = xcalloc(n, size * 16); //= none
  ((void **)(n > 5 ? (void *)l->numbers : (void *)g->rows))[n] = xcalloc(n, size * 16); //= none
}
__attribute__((noinline)) void two_parts(size_t n, size_t k) { struct pair **all = malloc(n * sizeof *all + k * sizeof(struct node)); struct node *nodes = (struct node *)(all + n); nodes->next = nodes; all[0] = (struct pair *)nodes; hidden = all; } //= none
__attribute__((noinline)) void one_part(size_t n, size_t k) { struct pair **all = malloc((n + k + 3) * sizeof *all); all[0] = 0; hidden = all; } //= __ARR0___PTR_pair
void one(void) { struct node *n = xcalloc(1, sizeof *n); n->next = n; hidden = n; } //= node
void some(int k) { struct node *n = xcalloc(k, sizeof *n); n->next = n; hidden = n; } //= __ARR0_node
int main(int n, char **v) { pair_at(&grid, n, n > 1); numbers_at(&list, n); anything_at(&list, n, n); either_at(&list, &grid, n, n); two_parts(n, n + 1); one_part(n, n + 1); one(); some(n); return 0; }
)";
TEST(Sites, OfRowsInWhatHasJustGrownAreRightWithEveryCompilerAndLevel) {
  check_all(kRows, false, 95);
}

TEST(Sites, OfCharactersAreConfirmedByUseAndNothingElse) {
  for (const Compilation& compilation : all_compilations(false)) {
    CompiledSubject subject{compilation, kUses, false};
    ASSERT_TRUE(subject.is_compiled()) << compilation.command;
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    int agreeing = 0, open = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const std::string_view function = image->text(site.function);
      const bool agrees = (site.flags & types::kSiteUsedAsTold) != 0;
      agreeing += function.ends_with("_agrees");
      open += function.ends_with("_open");
      EXPECT_EQ(agrees, function.ends_with("_agrees")) << compilation.command << ": " << function;
    }
    EXPECT_EQ(agreeing, 5) << compilation.command;
    EXPECT_EQ(open, 19) << compilation.command;
  }
}

// Two functions of one code: which of them asks, nobody knows.
TEST(Sites, OfFunctionsThatTheLinkerMadeOneAreNotTold) {
  constexpr std::string_view kSource =
      R"(struct one { long a; int b; }; struct two { double a; int b; };
void *volatile hidden;
__attribute__((noinline)) one *new_one() { one *made = new one; hidden = made; return made; }
__attribute__((noinline)) two *new_two() { two *made = new two; hidden = made; return made; }
struct pair { pair(); ~pair(); one *first; };
pair::pair() : first(new one) { hidden = this; }
pair::~pair() { delete first; }
int main() { pair p; return new_one() != nullptr && new_two() != nullptr; }
)";
  if (std::system("command -v ld.gold >/dev/null") != 0) GTEST_SKIP() << "gold is not installed";
  for (const std::string how : {"none", "all"}) {
    CompiledSubject subject{
        {"g++ -g -O1 -ffunction-sections -fuse-ld=gold -Wl,--icf=" + how}, kSource, true};
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image);
    std::map<std::string_view, bool> is_typed;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites))
      is_typed[image->text(site.function)] = site.type != types::kNoType;
    EXPECT_EQ(is_typed.count("new_one") + is_typed.count("new_two"), how == "all" ? 1u : 2u)
        << "functions that gold has made one";
    for (const std::string_view name : {"new_one", "new_two"}) {
      EXPECT_TRUE(!is_typed.contains(name) || is_typed[name] == (how == "none"))
          << how << ", " << name;
    }
    EXPECT_TRUE(is_typed["pair::pair"]) << "whose variants are one function";
  }
}

}  // namespace
}  // namespace allocs::meta
