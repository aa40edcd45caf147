// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "meta/uses_subject.h"

// The block is put into a variable in the frame whose address goes to others.
namespace allocs::meta {
namespace {

constexpr UseCase kCases[] = {
    {"a callee reads it there", R"(
struct cursor { long n; char *at; };
N void step(struct cursor *c) {
#ifdef UNSEEN
  ((struct head *)c->at)->size = c->n;
#else
  c->at[c->n] = 1;
#endif
}
N void use(struct owner *o) { struct cursor c = { o->used, o->bytes }; step(&c); }
)"},
    {"a callee of a callee, by another distance", R"(
struct cursor { long n; char *at; };
struct outer { long first; struct cursor inner; };
N void step(struct cursor *c) {
#ifdef UNSEEN
  ((struct head *)c->at)->size = c->n;
#else
  c->at[c->n] = 1;
#endif
}
N void enter(struct outer *o) { o->first++; step(&o->inner); hidden = (void *)o->first; }
N void use(struct owner *o) { struct outer c = { 1, { o->used, o->bytes } }; enter(&c); }
)"},
    {"a callee moves it on", R"(
struct cursor { long n; char *at; };
N int step(struct cursor *c) { c->at += *c->at + 1; return c->at[1]; }
N void use(struct owner *o) {
  struct cursor c = { o->used, o->bytes };
  while (step(&c)) hidden = (void *)c.n;
#ifdef UNSEEN
  ((struct head *)c.at)->size = 1;
#endif
}
)"},
    {"a callee keeps it elsewhere", R"(
struct cursor { long n; char *at; };
char *kept;
N void step(struct cursor *c) {
#ifdef UNSEEN
  kept = c->at;
#endif
  c->at[c->n] = 1;
}
N void use(struct owner *o) { struct cursor c = { o->used, o->bytes }; step(&c); }
)"},
    {"a callee keeps the variable's address", R"(
struct cursor { long n; char *at; };
struct cursor *kept;
N void step(struct cursor *c) {
#ifdef UNSEEN
  kept = c;
#endif
  c->at[c->n] = 1;
}
N void use(struct owner *o) { struct cursor c = { o->used, o->bytes }; step(&c); }
)"},
    {"a callee returns the variable's address", R"(
struct cursor { long n; char *at; };
N struct cursor *step(struct cursor *c, struct cursor *d) {
  c->at[c->n] = 1;
#ifdef UNSEEN
  return c->n ? c : d;
#else
  return d;
#endif
}
N long use(struct owner *o, struct cursor *d) { struct cursor c = { o->used, o->bytes }; return ((struct head *)step(&c, d)->at)->size; }
)"},
    {"a callee returns it", R"(
struct cursor { long n; char *at; };
N char *step(struct cursor *c) {
  c->at[c->n] = 1;
#ifdef UNSEEN
  return c->at;
#else
  return NULL;
#endif
}
N void use(struct owner *o) { struct cursor c = { o->used, o->bytes }; struct head *h = (struct head *)step(&c); if (h) h->size = 1; }
)"},
    {"the variable is copied", R"(
struct cursor { long n; char *at; long more[40]; };
struct cursor kept;
N void step(struct cursor *c) {
#ifdef UNSEEN
  kept = *c;
#endif
  c->at[c->n] = 1;
}
N void use(struct owner *o) { struct cursor c; c.n = o->used; c.at = o->bytes; step(&c); }
N long use_too(void) { return ((struct head *)kept.at)->size; }
)"},
    {"the variable is copied by memcpy", R"(
struct cursor { long n; char *at; };
N void step(struct cursor *c, void *to, size_t n) {
#ifdef UNSEEN
  memcpy(to, c, n);
#endif
  c->at[c->n] = 1;
}
N void use(struct owner *o, void *to) { struct cursor c = { o->used, o->bytes }; step(&c, to, sizeof c); }
)"},
    {"another object's function gets the variable", R"(
struct cursor { long n; char *at; };
N void step(struct cursor *c) {
#ifdef UNSEEN
  qsort(c, 1, sizeof *c, NULL);
#endif
  c->at[c->n] = 1;
}
N void use(struct owner *o) { struct cursor c = { o->used, o->bytes }; step(&c); }
)"},
    {"at an index that is not known", R"(
struct cursor { char *at[4]; long n; };
N void step(struct cursor *c, long i) {
#ifdef UNSEEN
  ((struct head *)c->at[i])->size = i;
#endif
  c->at[1][c->n] = 1;
}
N void use(struct owner *o, char *other) { struct cursor c = { { other, o->bytes, other, other }, 4 }; step(&c, o->end); }
)"},
    {"a function that lies in the variable", R"(
struct parser { const char *at; void (*on_text)(long *sum, const char *text, size_t n); };
N void count(long *sum, const char *text, size_t n) {
#ifdef UNSEEN
  *sum += ((const struct head *)text)->size;
#else
  for (size_t i = 0; i < n; i++) *sum += text[i];
#endif
}
N void parse(struct parser *p, long *sum) { p->on_text(sum, p->at, *p->at); }
N void use(struct owner *o, long *sum) { struct parser p = { o->bytes, count }; parse(&p, sum); }
)"},
    {"... among others by way of vector registers", R"(
struct parser { const char *at; void (*on_number)(long *, long); void (*on_text)(long *, const char *, size_t); void (*on_end)(long *); };
N void number(long *sum, long n) { *sum += n; }
N void end(long *sum) { *sum = -*sum; }
N void count(long *sum, const char *text, size_t n) {
#ifdef UNSEEN
  *sum += ((const struct head *)text)->size;
#else
  for (size_t i = 0; i < n; i++) *sum += text[i];
#endif
}
N void parse(struct parser *p, long *sum) { if (*p->at == '1') p->on_number(sum, *p->at); else p->on_text(sum, p->at, *p->at); p->on_end(sum); }
N void use(struct owner *o, long *sum) { struct parser p = { o->bytes, number, count, end }; parse(&p, sum); }
)"},
    {"one with another type", R"(
struct parser { const char *at; void (*on_text)(long *sum, const char *text, size_t n); };
N void count(long *sum, const char *text, size_t n) { for (size_t i = 0; i < n; i++) *sum += text[i]; }
N void count_heads(long *sum, const struct head *h, size_t n) { for (size_t i = 0; i < n; i++) *sum += h[i].size; }
#ifdef UNSEEN
#define FUNCTION (void (*)(long *, const char *, size_t))count_heads
#else
#define FUNCTION count
#endif
N void parse(struct parser *p, long *sum) { p->on_text(sum, p->at, *p->at); }
N void use(struct owner *o, long *sum) { struct parser p = { o->bytes, FUNCTION }; parse(&p, sum); }
)"},
    {"one that the caller says", R"(
struct parser { const char *at; void (*on_text)(long *sum, const char *text, size_t n); };
N void count(long *sum, const char *text, size_t n) { for (size_t i = 0; i < n; i++) *sum += text[i]; }
N void parse(struct parser *p, long *sum) { p->on_text(sum, p->at, *p->at); }
N void use(struct owner *o, long *sum, void (*on_text)(long *, const char *, size_t)) {
  struct parser p = { o->bytes, count };
#ifdef UNSEEN
  if (*sum) p.on_text = on_text;
#endif
  parse(&p, sum);
}
)"},
    {"one that a callee puts there", R"(
struct parser { const char *at; void (*on_text)(long *sum, const char *text, size_t n); };
void (*other)(long *, const char *, size_t);
N void count(long *sum, const char *text, size_t n) { for (size_t i = 0; i < n; i++) *sum += text[i]; }
N void parse(struct parser *p, long *sum) {
#ifdef UNSEEN
  if (*sum) p->on_text = other;
#endif
  p->on_text(sum, p->at, *p->at);
}
N void use(struct owner *o, long *sum) { struct parser p = { o->bytes, count }; parse(&p, sum); }
)"},
    {"one by way of a vector register", R"(
struct parser { const char *at; void (*on_text)(long *, const char *, size_t); void (*on_end)(long *); };
N void end(long *sum) { *sum = -*sum; }
N void count(long *sum, const char *text, size_t n) { for (size_t i = 0; i < n; i++) *sum += text[i]; }
struct parser usual = { NULL, count, end };
N void parse(struct parser *p, long *sum) { p->on_text(sum, p->at, *p->at); p->on_end(sum); }
N void use(struct owner *o, long *sum) {
#ifdef UNSEEN
  struct parser p = { o->bytes, usual.on_text, usual.on_end };
#else
  struct parser p = { o->bytes, count, end };
#endif
  parse(&p, sum);
}
)"},
    {"written to a file as a vector", R"(
N void use(struct owner *o) {
  struct iovec v[2] = { { o->bytes + o->end, o->used }, { "x", 1 } };
  writev(1, v, 2);
#ifdef UNSEEN
  ((struct head *)v[0].iov_base)->size = 1;
#endif
}
)"},
    {"... by a function behind a pointer", R"(
struct stream { int (*put)(struct stream *, const struct iovec *, int); long file; };
N int put(struct stream *s, const struct iovec *v, int n) {
#ifdef UNSEEN
  s->file += ((struct head *)v[0].iov_base)->size;
#endif
  return writev(s->file, v, n);
}
struct stream stream = { put, 1 };
N int use(struct owner *o, struct stream *s) {
  struct iovec v = { o->bytes + o->end, o->used };
  return s->put(s, &v, 1) < 0;
}
)"},
    {"... that has been cast", R"(
struct stream { int (*put)(struct stream *, const struct iovec *, int); long file; };
struct pairs { struct head *first; size_t n; };
N int put(struct stream *s, void *any, int n) {
#ifdef UNSEEN
  s->file += ((struct pairs *)any)->first->size;
#endif
  return writev(s->file, any, n);
}
struct stream stream = { (int (*)(struct stream *, const struct iovec *, int))put, 1 };
N int use(struct owner *o, struct stream *s) {
  struct iovec v = { o->bytes + o->end, o->used };
  return s->put(s, &v, 1) < 0;
}
)"},
    {"... of another structure", R"(
#ifdef UNSEEN
struct piece { void *base; size_t n; };
#else
#define piece iovec
#define base iov_base
#define n iov_len
#endif
struct stream { int (*put)(struct stream *, const struct piece *, int); long file; };
N int use(struct owner *o, struct stream *s) {
  struct piece v = { o->bytes + o->end, o->used };
  return s->put(s, &v, 1) < 0;
}
)"},
};

TEST(LentMemory, WhoGetsTheVariablesAddressIsFollowed) {
  EXPECT_EQ(wrongly_confirmed(kCases), std::vector<std::string>{});
}

}  // namespace
}  // namespace allocs::meta
