#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Beside gcc only those functions of a C unit are read that can hold a site, and those that they ask for. The list is the one that reading everything gives.
. "$(dirname "$0")/lib.sh"
need_plugin
lister=$ALLOCS_PREFIX/lib/allocs/allocs-list-sites
[ -e "$lister" ] || skip "allocs-list-sites was not built"
clang=$(command -v clang-19)

cat > header.h << 'END'
static inline void *in_header(unsigned long n) { return __builtin_malloc(n); }
static inline int size_in_header(void) { return sizeof(struct part); }
END
cat > tricky.c << 'END'
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
struct part { char bytes[24]; };
struct open { int n; long rest[]; };
#include "header.h"
typedef struct part *(*maker)(size_t);
struct hooks { void *(*get)(size_t); maker make[2]; struct part *(**table)(size_t); };
extern struct hooks hooks, *behind;
extern maker global_maker, makers[];
extern maker chosen(int);
void *found(size_t);
void *silent();
struct part *typed(int, ...);
struct part *at(int);
char *bytes_of(size_t) __attribute__((alloc_size(1)));
enum { kPart = sizeof(struct part), kTwice = 2 * kPart, kPlain = 3 };
static const size_t part_size = sizeof(struct part), as_large = part_size;
#define ALLOCATE malloc
#define GET(n) ALLOCATE(n)
#define NEW(type) ((type *)GET(sizeof(type)))
#define CALL(f) f
#define BODY { struct part *p = malloc(sizeof *p); return p; }
#define OPEN {
#define JOINED(a, b) a##b

// What has to be read.
void *by_macro(void) { return NEW(struct part); }
void *by_pasting(void) { struct part *p = JOINED(mal, loc)(sizeof *p); return p; }
void *by_name_of_macro(void) { return CALL(malloc)(3 * sizeof(long)); }
void *body_of_macro(void) BODY
void *brace_of_macro(void) OPEN struct part *p = malloc(24); return p; }
void *later_wrapper(size_t n, int flag);
struct part *before_wrapper(void) { return later_wrapper(sizeof(struct part), 1); }
void *later_wrapper(size_t n, int flag) { return flag ? later_wrapper(n, 0) : malloc(n); }
static int later_store(struct part **out, unsigned n);
int before_store(void) { struct part *p; return later_store(&p, sizeof *p); }
static int later_store(struct part **out, unsigned n) { void *p = malloc(n); *out = p; return p != 0; }
static void store_anywhere(void *out, int n) { *(void **)out = hooks.get(n); }
void stores_anywhere(void) { struct part *p; store_anywhere(&p, sizeof *p); }
int stores(void) { struct part *p; return posix_memalign((void **)&p, 64, sizeof *p); }
static size_t size_of_part(void) { return sizeof(struct part); }
static size_t size_through_another(int n) { return n * size_of_part(); }
static size_t plain_size(size_t n) { if (n < 8) return 8; return n; }
static int eight(void) { return 8; }
struct part *by_helper(int n) { return at(size_through_another(n)); }
struct part *by_helper_of_header(void) { return at(size_in_header()); }
void *by_plain_helper(int n) { long *p = malloc(plain_size(n * sizeof *p)); return p; }
long *by_constant_helper(void) { return malloc(eight()); }
int later_size(void);
struct part *by_enumerator(void) { return at(kPart); }
struct part *by_second_enumerator(void) { return at(kTwice); }
struct part *by_constant(void) { return at(as_large); }
void *by_offset(int n) { struct open *o = malloc(offsetof(struct open, rest[n])); return o; }
void *by_member(void) { struct part *p = hooks.get(24); return p; }
void *by_arrow(void) { struct part *p = behind->get(24); return p; }
void *by_spaced_arrow(void) { struct part *p = (*behind /* ( { */ ->
  get) (24); return p; }
struct part *by_element(int i) { return hooks.make[i](sizeof(struct part)); }
struct part *by_dereference(void) { return (**hooks.table)(sizeof(struct part)); }
struct part *by_call(void) { return chosen(1)(sizeof(struct part)); }
struct part *by_variable(void) { return global_maker(sizeof(struct part)); }
struct part *by_choice(int i) { return (i ? makers[0] : global_maker)(sizeof(struct part)); }
struct part *by_local(void) { maker own = makers[1]; return own(sizeof(struct part)); }
struct part *by_spelt_local(void) { struct part *(*at)(size_t) = makers[1]; return at(sizeof(struct part)); }
struct part *by_typeof(void) { __typeof__(global_maker) own = makers[1]; return own(sizeof(struct part)); }
struct part *by_parameter(maker at) { return at(sizeof(struct part)); }
struct part *by_function_parameter(void *at(size_t)) { return at(24); }
struct part *by_parentheses(void) { return (found)(24); }
struct part *by_address(void) { return (&found)(24); }
struct part *by_cast(void *p) { return ((void *(*)(size_t))p)(24); }
struct part *by_statement(void) { return ({ makers[0]; })(sizeof(struct part)); }
struct part *by_attribute(void) { return (struct part *)bytes_of(24); }
struct part *by_prototype_inside(void) { void *inside(size_t); return inside(24); }
struct part *without_prototype(void) { return silent(24); }
struct part *variadic(void) { return typed(0, sizeof(struct part)); }
struct part *by_header(void) { return in_header(sizeof(struct part)); }
struct part *unknown(void) { return found(24); }
struct part *in_argument(void) { memset(at(sizeof(struct part)), '(', 3); return 0; }
void *after_text(void) { char c = '{', d = '"'; const char *s = "}{)\"malloc("; /* } */ (void)c, (void)d, (void)s; // {
  return NEW(long); }
void *with_directive(int n) {
#if 0
  }
#elif defined(ALLOCATE)
  struct part *p = malloc(n * sizeof *p);
#else
  {
#endif
  return p; }
void *old_style(n, m) int n; long m; { struct part *p = malloc(n * sizeof *p); return p; }
__attribute__((noinline)) void *attributed(int n) __attribute__((unused));
void *attributed(int n) { struct part *p = malloc(n * sizeof *p); return p; }
struct part *(*returns_function(int n))(size_t) { maker *m = malloc(n * sizeof *m); return m[0]; }
static inline void *unused(void) { return malloc(sizeof(struct part)); }
struct part *nested_blocks(int n) { while (n--) { if (n) { for (;;) { return NEW(struct part); } } } return 0; }
struct part *by_later_helper(void) { return at(later_size()); }
int later_size(void) { return sizeof(struct part); }

// What has not.
int counts(const char *s) { int n = 0; for (; *s; ++s) n += (*s == '('); return n; }
size_t has_sizes_only(void) { return sizeof(struct part) + strlen("malloc(3)"); }
struct part *looks_up(int i) { return at(i + kPlain); }
void copies(struct part *p) { memcpy(p, at(3), sizeof *p); if (counts("x")) (void)(p); }
END
sites() { tr '\t' ' ' < "$1" | grep '^site'; }
# expect_same SOURCE [OPTION...]    the plugin reads everything
expect_same() {
  source=$1
  shift
  rm -f all told
  "$clang" -w -fsyntax-only "$@" -fplugin="$plugin" -Xclang -plugin-arg-allocs -Xclang list=all -x c "$source" || fail "$source is not C"
  ALLOCSCC_MEMO=never "$lister" told "$clang" -w -fsyntax-only "$@" -x c "$source" || fail "$source is not understood"
  cmp all told || fail "$source: $(diff all told)"
}
expect_same tricky.c -std=gnu11
sites told > list
[ "$(wc -l < list)" -eq 53 ] || fail "$(wc -l < list) sites: $(cat list)"
for function in counts has_sizes_only looks_up copies; do
  if grep -q "^site $function " list; then fail "$function has a site"; fi
done

# Bodies without sites are not read: what only reading them would find does not matter.
cat > passed.c << 'END'
#include <stdlib.h>
int wrong(int n) { return unknown_name + n; }
void *right(void) { return malloc(sizeof(long)); }
END
ALLOCSCC_MEMO=never "$lister" told "$clang" -w -fsyntax-only -x c passed.c || fail 'a body without sites is read'
sites told | grep -q '^site right passed.c 3 ' || fail "beside it: $(cat told)"

# What would mean something else if it was read late: a tag, a function of the old C; and what only the parser understands.
cat > early.c << 'END'
#include <stdlib.h>
void *tag(void) { struct later *p = malloc(24); return p; }
struct later { long of[3]; };
END
expect_same early.c
cat > implicit.c << 'END'
#include <stdlib.h>
long *implicit(void) { return (long *)(long)number(sizeof(long)); }
int number(int n) { return n; }
END
expect_same implicit.c -std=gnu89
cat > directive.c << 'END'
#include <stdlib.h>
int packed(void) {
#pragma pack(push, 1)
  return 0; }
struct odd { char c; long l; };
void *of_odd(void) { struct odd *p = malloc(sizeof *p); return p; }
END
expect_same directive.c
sites told | grep -q ' odd 9 ' || fail "a directive in a body is lost: $(cat told)"
