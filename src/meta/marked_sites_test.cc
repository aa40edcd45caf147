// SPDX-License-Identifier: Apache-2.0
#include "meta/marked_sites.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "meta/compiled_subject.h"

// The subjects are compiled by clang with the plugin of the build tree. Each line that allocates says what is right after "//=": the
// type's name, several with "or" between them, "none" if nothing may be claimed, "wrapper" for a call whose type is the
// caller's business; a "~" in front of a name stands for a type that is only plausible. "//= ?" is for a line that may have no call:
// what it calls was inlined, and the call is on that line; or the call became a jump.
namespace allocs::meta {
namespace {

constexpr std::string_view kC = R"(#include <stddef.h>
#include <stdlib.h>
#include <string.h>
struct point { int x, y; };
struct node { struct node *next; struct point *points; void *cookie; char *name; long payload[3]; };
struct header { size_t n; };
struct packet { struct header header; int size; char data[]; };
struct old_packet { size_t n; struct point points[1]; };
struct animal { int kind; int legs; };
struct dog { struct animal base; int teeth; int bones; };
union value { long i; double d; void *p; };
typedef struct { int a, b, c; } triple;
enum { NODE_BYTES = sizeof(struct node), HEADER = offsetof(struct packet, data) };
struct table { struct node *slots[8]; struct point **rows; int *counts; union value *values; };
struct node *head; struct table tables[4]; void *anything; double *weights; char **words; void *volatile hidden;
struct hooks { void *(*get)(size_t); void *(*resize)(void *, size_t); void (*put)(void *); } hooks;
void *(*getter)(size_t);
void *declared(size_t n) __attribute__((malloc, alloc_size(1)));
void *declared_many(size_t n, size_t size) __attribute__((alloc_size(1, 2)));
void *elsewhere(void *pool, size_t n);
char *text_pool(size_t n);
#define NEW(T) ((T *)malloc(sizeof(T)))
#define TWO(a, b) ((a = malloc(sizeof *a)), (b = malloc(sizeof *b)))
static size_t node_bytes(size_t n) { return n * sizeof(struct node); }
struct cat { struct animal base; double lives; };
void take_dog(struct dog *), take_point(struct point *), take_node(struct node *);
static inline int size_of_kind(int k) { switch (k & 7) { case 0: return sizeof(struct point); case 1: return sizeof(triple); case 2: return sizeof(struct node); } return 0; }
static inline char kind_for(int k) { if (k > 100) return 2; return k > 10 ? 1 : 0; }
void set_kind(int *);
static inline int size_or_break(int k) { switch (k) { case 0: return sizeof(struct point); case 1: break; case 2: return sizeof(struct node); } return 0; }
static inline int size_or_nothing(int k) { if (k == 1) return sizeof(struct point); if (k == 2) return sizeof(struct node); return 0; }
static size_t rounded(size_t n) { return (n + 15) & ~(size_t)15; }
static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }
void *xmalloc(size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
void *xcalloc(size_t n, size_t size) { void *p = calloc(n, size); if (!p) abort(); return p; } //= wrapper
void *xrealloc(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
static void *inner(size_t n) { return malloc(n ? n : 1); } //= ?wrapper
void *outer(size_t n) { return inner(rounded(n + 8)); } //= ?wrapper
static char *bytes_of(unsigned n) { char *p = malloc(n + 1); if (p) p[0] = 0; return p; } //= wrapper or none or none
void *hooked(size_t n) { return hooks.get(n); } //= ?wrapper
void one(void) { head = malloc(sizeof *head); } //= node
void one_zeroed(void) { head = calloc(1, sizeof *head); } //= node
void nodes(int k) { head = malloc(k * sizeof *head); } //= __ARR0_node
void ten(void) { head = malloc(10 * sizeof *head); } //= __ARR0_node
void nodes_zeroed(int k) { head = calloc(k, sizeof *head); } //= __ARR0_node
void swapped(int k) { head = calloc(sizeof *head, k); } //= __ARR0_node
void grow(int k) { head = realloc(head, (k + 1) * sizeof *head); } //= __ARR0_node
void grow_array(int k) { head = reallocarray(head, k, sizeof *head); } //= __ARR0_node
void shifted(int k) { weights = malloc(sizeof(double) << k); } //= __ARR0_float$64
void seed(void) { void *p = malloc(42 * sizeof(int)); hidden = p; } //= __ARR0_int$32
void parenthesised(void) { head = ((struct node *)((malloc(sizeof *head)))); } //= node
void behind_a_comma(int k) { head = (struct node *)(k++, (__extension__ (malloc(k * sizeof *head)))); } //= __ARR0_node
struct object { struct object *next; };
struct sheet { struct object *next; double weight; };
struct object *new_object(size_t n);
struct object *objects;
void headed(void) { objects = new_object(sizeof(struct sheet)); } //= sheet
struct object *linked(size_t n) { struct object *o = (struct object *)hooks.get(n); o->next = objects; return o; } //= wrapper
void lone(void) { hidden = malloc(sizeof(triple)); } //= triple
void macro(void) { hidden = NEW(struct point); } //= point
void aligned(void) { head = aligned_alloc(64, sizeof *head); } //= node
void stored(void) { void *p; if (!posix_memalign(&p, 64, sizeof(struct point))) hidden = p; } //= point
void stored_typed(int k) { if (posix_memalign((void **)&head, 64, k * sizeof *head)) abort(); } //= __ARR0_node
void as_parameter(int k) { hidden = memset(malloc(k * sizeof(struct point)), 0, k * sizeof(struct point)); } //= __ARR0_point
void enumerator(void) { hidden = malloc(NODE_BYTES); } //= node
void helper(int k) { hidden = malloc(node_bytes(k)); } //= __ARR0_node
void helped(void) { hidden = malloc(larger(sizeof(struct node), 16)); } //= node or none
void padded(void) { hidden = malloc(rounded(sizeof(struct node))); } //= node
void variable(int k) { size_t n = k * sizeof(struct point); if (k > 9) n += sizeof(struct point); hidden = malloc(n); } //= __ARR0_point
void quads(int k) { __float128 *q = malloc(k * sizeof *q); hidden = q; } //= __ARR0_binary128$128
void extended(int k) { long double *q = malloc(k * sizeof *q); hidden = q; } //= __ARR0_float$128
void brains(int k) { __bf16 *q = malloc(k * sizeof *q); hidden = q; } //= __ARR0_bfloat16$16
void reused(int k) { size_t n = k * sizeof(struct point); hidden = malloc(n); n = k * sizeof(double); hidden = malloc(n); } //= __ARR0_point, __ARR0_float$64
void checked(size_t k) { size_t n; if (__builtin_mul_overflow(k, sizeof(struct node), &n)) return; hidden = malloc(n); } //= __ARR0_node
void choice(int k) { hidden = malloc(k ? k * sizeof(struct node) : sizeof(struct node)); } //= __ARR0_node
void two_types(int k) { hidden = malloc(k ? sizeof(struct point) : sizeof(struct node)); } //= __ONE_OF_node__point
void two_assigned(int k) { size_t n; if (k) n = sizeof(struct node); else n = sizeof(struct point); hidden = malloc(n + k); } //= __ONE_OF_node__point
void three_types(int k) { hidden = malloc((k > 2 ? sizeof(struct node) : k ? sizeof(triple) : sizeof(struct point)) + k); } //= __ONE_OF_node__point__triple
void three_returned(int k) { char kind = kind_for(k); if (kind == 0 && k == 0) kind = 1; hidden = malloc(size_of_kind(kind) + k + 1); } //= __ONE_OF_node__point__triple
void any_kind(int k) { hidden = malloc(size_of_kind(k) + k + 1); } //= none
void another_kind(int k) { char kind = kind_for(k); if (k == 0) kind = 5; hidden = malloc(size_of_kind(kind) + k + 1); } //= none
void set_elsewhere(int k) { int kind = 1; set_kind(&kind); hidden = malloc(size_of_kind(kind) + k + 1); } //= none
void leaves_the_switch(int k) { hidden = malloc(size_or_break(kind_for(k)) + k + 1); } //= none
void two_rounded(int k) { hidden = malloc(rounded(k ? sizeof(struct node) : sizeof(struct point))); } //= __ONE_OF_node__point
void two_wrapped(int k) { hidden = xmalloc(k ? sizeof(struct node) : sizeof(struct point)); } //= ?__ONE_OF_node__point
void twice_one(int k) { hidden = malloc((k ? sizeof(struct node) : sizeof *head) + k); } //= node
void two_dogs(int k) { struct animal *a = malloc(k ? sizeof(struct dog) : sizeof(struct cat)); hidden = a; } //= __ONE_OF_cat__dog
void each_its_own(int k) { void *p = malloc(k ? sizeof(struct dog) : sizeof(struct point)); if (k) take_dog(p); else take_point(p); hidden = p; } //= __ONE_OF_dog__point
void each_and_another(int k) { void *p = malloc(k ? sizeof(struct dog) : sizeof(struct point)); if (k) take_dog(p); else take_node(p); hidden = p; } //= none
void to_another(int k) { head = malloc(k ? sizeof(struct dog) : sizeof(struct point)); } //= ~node
void to_one_of_them(int k) { struct dog *d = malloc(k ? sizeof(struct dog) : sizeof(struct point)); hidden = d; } //= ~dog
void or_a_number(int k) { hidden = malloc((k > 2 ? sizeof(struct node) : k ? sizeof(struct point) : 16) + k); } //= none
void number_first(int k) { size_t n = 16; if (k) n = sizeof(struct node); if (k > 2) n = sizeof(struct point); hidden = malloc(n + k); } //= none
void or_a_size(int k, size_t n) { hidden = malloc((k > 2 ? sizeof(struct node) : k ? sizeof(struct point) : n / 3) + k); } //= none
void or_a_double(int k) { hidden = malloc(k ? sizeof(struct node) : sizeof(double)); } //= none
void many_of_two(int k) { hidden = malloc(k * (k ? sizeof(struct node) : sizeof(struct point))); } //= none
void many_of_one(int k) { hidden = malloc(k ? k * sizeof(struct node) : sizeof(struct point)); } //= none
void less_than_one(int k) { hidden = malloc((k ? sizeof(struct node) : sizeof(struct point)) - 4); } //= none
void two_and_more(int k) { hidden = malloc((k ? sizeof(struct node) : sizeof(struct point)) + k * sizeof(double)); } //= none
void or_nothing(int k) { hidden = malloc(size_or_nothing(k) + k + 1); } //= none
void flexible(int k) { struct packet *p = malloc(sizeof *p + k); hidden = p; } //= packet
void by_offset(int k) { struct packet *p = malloc(offsetof(struct packet, data) + k); hidden = p; } //= packet
void by_element(int k) { struct packet *p = malloc(offsetof(struct packet, data[k])); hidden = p; } //= packet
void old_flexible(int k) { struct old_packet *p = malloc(sizeof *p + (k - 1) * sizeof(struct point)); hidden = p; } //= old_packet
void less_one(int k) { struct old_packet *p = malloc(sizeof *p - sizeof(struct point) + k * sizeof(struct point)); hidden = p; } //= old_packet
void followed(int k) { struct header *h = malloc(sizeof *h + k * sizeof(double)); hidden = h; } //= __FLEX_header____ARR0_float$64
void followed_by_bytes(int k) { struct header *h = malloc(sizeof *h + k); hidden = h; } //= header
void array_and_text(int k) { char **v = malloc(k * sizeof *v + k); hidden = v; } //= __PTR_signed_char$8
void rows(struct table *t, int k) { t->rows = malloc(k * sizeof *t->rows); } //= __ARR0___PTR_point
void matrix(int k) { int (*m)[4] = malloc(k * sizeof *m); hidden = m; } //= __ARR0___ARR4_int$32
void whole_array(void) { struct point *p = malloc(sizeof(struct point[5])); hidden = p; } //= __ARR0_point
void pointer_size(int k) { char **v = malloc(k * sizeof(void *)); hidden = v; } //= __ARR0___PTR_signed_char$8
void unsigned_size(int k) { unsigned *v = malloc(k * sizeof(int)); hidden = v; } //= __ARR0_uint$32
void as_base(void) { struct animal *a = malloc(sizeof(struct dog)); hidden = a; } //= dog
void contradiction(void) { struct node *n = malloc(sizeof(struct point)); hidden = n; } //= ~point or none
void text(const char *s) { hidden = strcpy(malloc(strlen(s) + 1), s); } //= ~__ARR0_signed_char$8
void text_sizeof(int k) { hidden = malloc(k * sizeof(char)); } //= none
void typed_bytes(int k) { struct node *n = malloc(k * sizeof(char)); hidden = n; } //= ~node
void target_only(size_t *n) { head = malloc(*n); } //= ~node
void ints_only(size_t *n) { tables[0].counts = malloc(*n); } //= ~__ARR0_int$32
void untyped(int k) { anything = malloc(k); } //= none
void through_void(size_t *n) { void *p = malloc(*n); struct node *x = p; head = x; } //= ~node
void wrapped(void) { head = xmalloc(sizeof *head); } //= ?node
void wrapped_many(int k) { hidden = xcalloc(k, sizeof(struct point)); } //= ?__ARR0_point
void wrapped_again(int k) { hidden = outer(k * sizeof(double)); } //= ?__ARR0_float$64
void rewrapped(int k) { weights = xrealloc(weights, k * sizeof *weights); } //= ?__ARR0_float$64
void wrapped_bytes(int k) { hidden = bytes_of(k); } //= none
void attributed(void) { hidden = declared(sizeof(struct node)); } //= node
void attributed_many(int k) { hidden = declared_many(k, sizeof(struct point)); } //= __ARR0_point
void foreign(void) { hidden = elsewhere(anything, sizeof(struct node)); } //= node
void foreign_text(int k) { hidden = (struct point *)text_pool(k * sizeof(struct point)); } //= __ARR0_point
void pointer(int k) { hidden = getter(k * sizeof(struct point)); } //= __ARR0_point
void starred(int k) { hidden = (*getter)(k * sizeof(struct point)); } //= __ARR0_point
void member_pointer(struct hooks *h) { head = h->get(sizeof *head); } //= node
void resize_pointer(struct hooks *h, int k) { head = h->resize(head, k * sizeof *head); } //= __ARR0_node
void either(int k) { if (k) head = malloc(sizeof *head); else head = NULL; } //= node
void in_loop(int k) { while (k--) { struct node *n = malloc(sizeof *n); n->next = head; head = n; } } //= node
void statement(int k) { hidden = ({ struct point *p = malloc(k * sizeof *p); p; }); } //= __ARR0_point
struct node *returned(void) { return malloc(sizeof(struct node)); } //= node
void copied(const void *from, size_t n) { hidden = memcpy(malloc(n), from, n); } //= none
void not_allocating(void *key) { hidden = bsearch(key, head, 3, sizeof(struct node), NULL); }
void two(void) { struct point *p; struct node *n; TWO(p, n); hidden = p; hidden = n; } //= point, node
struct methods { void *(*get)(int); int (*round)(int); int (*size)(void *); } methods; size_t in_use;
static void counted(int n, void **out) {
  int full = methods.round(n);
  void *p = methods.get(full); //= wrapper
  if (p) in_use += methods.size(p);
  *out = p;
}
void *given(size_t n) { void *p; if (n == 0) { p = NULL; } else if (in_use) {
    counted((int)n, &p); //= ?wrapper
  } else {
    p = methods.get((int)n); //= ?wrapper
  } return p; }
void *given_zero(size_t n) {
  void *p = given(n); //= ?wrapper
  if (p) memset(p, 0, n);
  return p;
}
void from_pool(void) { head = given_zero(sizeof *head); } //= ?node
void from_pool_many(int k) { hidden = given(k * sizeof(struct point)); } //= ?__ARR0_point
static int obtained(void **out, size_t n) { *out = malloc(n); return *out != NULL; } //= wrapper
void by_address(void) { void *p; if (obtained(&p, sizeof(struct node))) hidden = p; } //= ?node
void *behind_head(size_t n) { size_t *p = malloc(n + 8); if (p) { p[0] = n; p++; } return p; } //= none
void *behind_head_too(size_t n) { char *p = malloc(n + 16); *(size_t *)p = n; return p + 16; } //= none
void *behind_head_again(size_t n) { char *p = malloc(n + 16); p += 16; return p; } //= none
char *word(const char *s) { char *p = malloc(strlen(s) + 1); strcpy(p, s); while (*p == ' ') p++; return p; } //= ~__ARR0_signed_char$8
void number_in_front(int k) { unsigned char *p = malloc(sizeof(unsigned) + k); *(unsigned *)p = k; hidden = p; } //= ~__ARR0_unsigned_char$8
void number_in_front_of_anything(int k) { hidden = malloc(sizeof(unsigned) + k); } //= none
void *never_empty(size_t n) { void *p = malloc(n > 0 ? n : sizeof(long)); if (!p) abort(); return p; } //= wrapper
void *never_small(size_t n) { if (n < sizeof(struct node)) n = sizeof(struct node); void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
static inline void *told_room(size_t n, size_t *room) { if (n > 1000) return NULL; void *p = malloc(n ? n : sizeof(long)); if (p && room) *room = n; return p; } //= ?wrapper
void *roomy(size_t n, size_t *room) { size_t r = 0; void *p = told_room(n, &r); if (room) *room = r; return p; } //= ?wrapper
void from_never_empty(void) { head = never_empty(sizeof *head); } //= ?node
void from_never_small(int k) { hidden = never_small(k * sizeof(struct point)); } //= ?__ARR0_point
void from_roomy(void) { head = roomy(sizeof *head, NULL); } //= ?node
struct point *points_or_more(size_t n) { struct point *p = malloc(n > sizeof *p ? n : sizeof *p); return p; } //= point or ~point
void *behind_a_floor(size_t n) { struct header *h = malloc(sizeof *h + (n ? n : sizeof(long))); hidden = h; return h ? h + 1 : NULL; } //= header
void *repeated_floor(size_t n, size_t k) { return malloc(k * (n ? n : sizeof(long))); } //= none or wrapper
void nodes_of_anyone(size_t *n) { head = elsewhere(anything, *n); } //= ~node
void text_of_anyone(size_t *n) { char *p = elsewhere(anything, *n); hidden = p; } //= ~__ARR0_signed_char$8
void nothing_of_anyone(size_t *n) { hidden = elsewhere(anything, *n); } //= none
unsigned char *insert(unsigned char *list, unsigned n) { list = realloc(list, *(unsigned *)list + n); list[0] = n; return list; } //= ~__ARR0_unsigned_char$8
char *bytes_for_anyone(size_t n) { char *p = malloc((n + 7) / 8 * 8 + 8); if (p) p[n] = 1; return p; } //= wrapper
union closure { struct c_closure { long kind; double values[1]; } c; struct l_closure { long kind; int lines; long more[9]; } l; };
void closed(int k) { union closure *u = elsewhere(anything, sizeof(struct c_closure) + (k - 1) * sizeof(double)); hidden = u; } //= c_closure
void *grow_any(void *old, int *count, size_t size, int most);
int lines_there; unsigned *lines;
void grown_by_reference(void) { lines = grow_any(lines, &lines_there, sizeof(unsigned), 1000); } //= __ARR0_uint$32
void counted_up(int *from) { int n = 0; struct point *p = NULL; while (*from++) { p = realloc(p, sizeof *p * (n + 1)); p[n++].x = 1; } hidden = p; } //= __ARR0_point
void counted_once(int k) { int n = k * sizeof(struct point); n++; hidden = malloc(n); } //= point
int text_of(char *to, size_t size, long number); char printed[32];
void text_by_reference(long k) { int n = text_of(printed, sizeof printed, k); unsigned char *p = malloc(n); hidden = p; } //= ~__ARR0_unsigned_char$8 or __ARR0_unsigned_char$8
void head_inside(size_t *n) { char *p = malloc(*n + 16); hidden = p; head = (struct node *)(p + 16); } //= none
void head_inside_too(size_t *n) { char *p = elsewhere(anything, *n); hidden = p; head = (struct node *)&p[*n / 2]; } //= none
void number_inside(size_t *n) { char *p = malloc(*n); *(unsigned *)(p + 4) = 1; hidden = p; } //= ~__ARR0_signed_char$8 or none
unsigned *numbers_and_more(int k) { unsigned *p = malloc(sizeof(unsigned) + k); return p; } //= uint$32
int main(void) { return 0; }
)";

constexpr std::string_view kCxx = R"(#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>
struct point { int x, y; };
struct counted { ~counted(); int n; };
struct shape { virtual ~shape(); int color; };
struct square : shape { int side; };
struct pooled { static void *operator new(std::size_t n) { return malloc(n); } int value; }; //= ?wrapper
template <class T> struct box { T *content = new T(); };
template <class T, int N> T *make() { return static_cast<T *>(malloc(N * sizeof(T))); }
namespace zoo { struct cat { cat(); int lives; }; enum class color : short { red }; namespace { struct hidden_cat { int n; }; } }
struct arena { void *get(std::size_t n) { return ::operator new(n); } }; //= ?wrapper
void *volatile hidden;
void one() { hidden = new point; } //= point
void initialised() { hidden = new point{1, 2}; } //= point
void many(int n) { hidden = new point[n]; } //= __ARR0_point
void seven() { hidden = new point[7]; } //= __ARR0_point
void with_cookie(int n) { hidden = new counted[n]; } //= __FLEX_uint$64____ARR0_counted
void derived() { hidden = static_cast<shape *>(new square); } //= square
void silent() { hidden = new (std::nothrow) point; } //= point
void matrix(int n) { hidden = new point[n][4]; } //= __ARR0___ARR4_point
void cube(int n) { hidden = new point[n][4][3]{}; } //= __ARR0___ARR4___ARR3_point
void counted_matrix(int n) { hidden = new counted[n][4]; } //= __FLEX_uint$64____ARR0___ARR4_counted
void characters(int n) { hidden = new char[n + 1]; } //= __ARR0_signed_char$8
void scoped() { hidden = new zoo::cat; } //= zoo::cat
void anonymous() { hidden = new zoo::hidden_cat; } //= zoo::(anonymous namespace)::hidden_cat
void enumeration() { hidden = new zoo::color; } //= zoo::color
void pointers(int n) { hidden = new shape *[n]; } //= __ARR0___PTR_shape
void constant() { hidden = const_cast<point *>(new const point{1, 2}); } //= point
void in_class() { hidden = new pooled; } //= ?pooled
void raw() { hidden = ::operator new(sizeof(square)); } //= square
void raw_many(int n) { hidden = ::operator new[](n * sizeof(point)); } //= __ARR0_point
void raw_bytes(int n) { hidden = ::operator new(n); } //= none
void placed() { void *raw = malloc(sizeof(square)); hidden = new (raw) square; } //= square
void in_lambda(int n) { auto f = [](int k) { return new point[k]; }; hidden = f(n); } //= __ARR0_point
void cast_to(int n) { hidden = static_cast<point *>(malloc(n * sizeof(point))); } //= __ARR0_point
void from_arena(arena &a) { hidden = a.get(sizeof(point)); } //= ?point
void local() { struct inside { int a, b, c; }; hidden = new inside; } //= local::inside or local()::inside
int *global = new int(3); //= int$32
void *raw_global = malloc(sizeof(point)); //= point
struct owner { point *p = new point; owner() {} }; //= point
owner an_owner;
struct raw_owner { void *p; raw_owner(); };
raw_owner::raw_owner() : p(malloc(sizeof(point))) {} //= point
struct default_owner { void *p = malloc(sizeof(point)); int *q = (int *)malloc(4 * sizeof(int)); default_owner() {} }; //= point or __ARR0_int$32
struct default_aggregate { void *p = malloc(sizeof(square)); }; //= square
void defaults() { hidden = default_owner().p; hidden = default_aggregate().p; hidden = default_aggregate{}.p; } //= ?square
template <class T> struct typed_owner { T *p; explicit typed_owner(int n) : p(new T[n]) {} }; //= __FLEX_uint$64____ARR0_square
void owned(int n) { hidden = typed_owner<square>(n).p; }
void with_default(point *p = new point) { hidden = p; }
void uses() { hidden = make<point, 3>(); hidden = make<shape, 4>(); hidden = box<double>().content; with_default(); } //= none or point
void containers(int n) {
  std::vector<point> v(n); hidden = &v[0];
  std::list<zoo::cat> l; l.emplace_back(); hidden = &l.front();
  std::map<int, square> m; hidden = &m[n];
  std::string s(n, 'x'); hidden = &s[0];
  hidden = std::make_unique<zoo::cat>().get();
  hidden = std::make_shared<point>().get();
}
int main() { uses(); containers(3); return 0; }
)";

std::filesystem::path plugin() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() /
         "../../lib/allocs/liballocs_clang_plugin.so";
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(separator, at);
    parts.emplace_back(text.substr(at, end - at));
    if (end == text.npos) return parts;
    at = end + separator.size();
  }
}

// What is right for the calls of each line, in the order of their columns.
std::vector<std::vector<std::string>> expectations(std::string_view source) {
  std::vector<std::vector<std::string>> lines{{}};
  for (const std::string& line : split(source, "\n")) {
    std::size_t mark = line.find("//= ");
    if (mark != line.npos) mark += line[mark + 4] == '?' ? 5 : 4;
    lines.push_back(mark == line.npos ? std::vector<std::string>{}
                                      : split(line.substr(mark), ", "));
  }
  return lines;
}

std::string answer_of(const types::Image& image, const types::SiteRecord& site) {
  const types::TypeRecord* type = image.type(site.type);
  if ((site.flags & types::kSiteWrapper) != 0) return "wrapper";
  if (type == nullptr || (site.flags & types::kSiteConflict) != 0) return "none";
  const bool is_sure = (site.provenance == types::Provenance::new_expression ||
                        site.provenance == types::Provenance::size_arithmetic) &&
                       (site.flags & types::kSiteTargetDisagrees) == 0;
  return (is_sure ? "" : "~") + std::string{image.text(type->name)};
}

// Each site of a line must say what one of the line's expectations says, and each line that expects a type must have a site. Inlined
// copies of a wrapper say what their callers do.
Tally compare(const types::Image& image, std::string_view source, const std::string& command) {
  const auto expected = expectations(source);
  Tally tally;
  std::set<std::size_t> lines;
  for (const types::SiteRecord& site : image.table<types::SiteRecord>(types::Table::sites)) {
    const std::string_view file = image.text(site.file);
    if (!file.ends_with("subject.c") && !file.ends_with("subject.cc")) continue;
    if (site.line >= expected.size() || expected[site.line].empty()) continue;
    lines.insert(site.line);
    const std::string answer = answer_of(image, site);
    bool is_right = false, may_be_none = false;
    for (const std::string& one : expected[site.line]) {
      for (const std::string& name : split(one, " or ")) {
        is_right |= name == answer || (name == "wrapper" && answer != "none");
        may_be_none |= name == "none";
      }
    }
    const bool is_silent = answer == "none" && !may_be_none;
    (is_right ? tally.right : is_silent ? tally.cannot_tell : tally.wrong) += 1;
    if (!is_right) {
      printf("  %s: line %u: %s instead of %s\n", command.c_str(), site.line, answer.c_str(),
             expected[site.line].front().c_str());
    }
  }
  const std::vector<std::string> text = split(source, "\n");
  for (std::size_t line = 1; line < expected.size(); ++line) {
    const bool is_missing = !lines.contains(line) && !expected[line].empty() &&
                            expected[line].front().find("none") == std::string::npos &&
                            text[line - 1].find("//= ?") == std::string::npos;
    if (!is_missing) continue;
    ++tally.cannot_tell;
    printf("  %s: line %zu: no site instead of %s\n", command.c_str(), line,
           expected[line].front().c_str());
  }
  return tally;
}

std::vector<Compilation> all_with_plugin(bool is_cxx) {
  const std::string compiler = is_cxx ? "clang++-19" : "clang-19";
  std::vector<Compilation> all;
  if (!std::filesystem::exists(plugin())) return all;
  if (std::system(("command -v " + compiler + " >/dev/null").c_str()) != 0) return all;
  const std::string start =
      compiler + " -fplugin=" + plugin().string() + " -Wl,--unresolved-symbols=ignore-all ";
  for (const char* level : {"-O0", "-O1", "-O2", "-O3"}) all.push_back({start + "-g " + level});
  for (const char* way : {"-gdwarf-4 -O2", "-g -O2 -fPIC -fno-plt", "-g -Os -ffunction-sections",
                          "-g -O2 -fno-inline"}) {
    all.push_back({start + way});
  }
  all.push_back({start + (is_cxx ? "-g -O1 -std=c++14" : "-g -O1 -std=gnu89")});
  all.push_back({start + (is_cxx ? "-g -O2 -std=c++23" : "-g -O2 -std=gnu23")});
  return all;
}

// Inference fills in for a mark that was lost, so marks are also counted alone.
Tally check_all(std::string_view source, bool is_cxx, SiteWitnesses witnesses) {
  Tally all;
  for (const Compilation& compilation : all_with_plugin(is_cxx)) {
    CompiledSubject subject{compilation, source, is_cxx};
    EXPECT_TRUE(subject.is_compiled()) << compilation.command;
    const auto image = subject.image(witnesses);
    EXPECT_TRUE(image) << compilation.command;
    if (!image) continue;
    const std::size_t flags = compilation.command.find("-g");
    const Tally tally = compare(*image, source, compilation.command.substr(flags));
    all.right += tally.right;
    all.wrong += tally.wrong;
    all.cannot_tell += tally.cannot_tell;
  }
  printf("all: %d right, %d wrong, %d cannot tell\n", all.right, all.wrong, all.cannot_tell);
  return all;
}

TEST(MarkedSites, OfCSayWhatTheSourceSays) {
  if (all_with_plugin(false).empty()) GTEST_SKIP() << "no clang 19, or no plugin for it";
  const Tally tally = check_all(kC, false, SiteWitnesses::all);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_GE(tally.right * 100, (tally.right + tally.cannot_tell) * 98);
}

TEST(MarkedSites, OfCSayItWithoutInference) {
  if (all_with_plugin(false).empty()) GTEST_SKIP() << "no clang 19, or no plugin for it";
  const Tally tally = check_all(kC, false, SiteWitnesses::compilers);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.cannot_tell, 0);
}

TEST(MarkedSites, OfCxxSayWhatTheSourceSays) {
  if (all_with_plugin(true).empty()) GTEST_SKIP() << "no clang 19, or no plugin for it";
  const Tally tally = check_all(kCxx, true, SiteWitnesses::all);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_GE(tally.right * 100, (tally.right + tally.cannot_tell) * 98);
}

TEST(MarkedSites, OfCxxSayItWithoutInference) {
  if (all_with_plugin(true).empty()) GTEST_SKIP() << "no clang 19, or no plugin for it";
  const Tally tally = check_all(kCxx, true, SiteWitnesses::compilers);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.cannot_tell, 0);
}

TEST(MarkedSites, InStandardContainersAreTyped) {
  for (const Compilation& compilation : all_with_plugin(true)) {
    CompiledSubject subject{compilation, kCxx, true};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    // std::allocator in a function of its own does not show that a node is one.
    const bool is_inlined = compilation.command.find("-O0") == std::string::npos &&
                            compilation.command.find("-fno-inline") == std::string::npos;
    std::set<std::string> found;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites))
      found.insert(answer_of(*image, site));
    const std::string node = is_inlined ? "" : "__ARR0_";
    for (const std::string& name :
         {std::string{"__ARR0_point"}, std::string{"zoo::cat"}, std::string{"__ARR0_shape"},
          std::string{"float$64"}, node + "std::_List_node<zoo::cat>",
          node + "std::_Rb_tree_node<std::pair<const int, square> >"}) {
      EXPECT_TRUE(found.contains(name)) << compilation.command << ": " << name;
    }
  }
}

TEST(MarkedSites, LeaveNothingInTheImageButTheSites) {
  for (const Compilation& compilation : all_with_plugin(false)) {
    CompiledSubject subject{compilation, kC, false};
    const auto image = subject.image();
    ASSERT_TRUE(image);
    const auto strings = image->table<char>(types::Table::strings);
    const std::string_view text{strings.data(), strings.size()};
    EXPECT_EQ(text.find("__allocs_flexible"), text.npos) << compilation.command;
    for (const types::AliasRecord& alias : image->table<types::AliasRecord>(types::Table::aliases))
      EXPECT_FALSE(types::is_site_marker_name(image->text(alias.name)));
  }
}

}  // namespace
}  // namespace allocs::meta
