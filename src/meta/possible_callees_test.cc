// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "meta/uses_subject.h"

// What calls through pointers do with the block.
namespace allocs::meta {
namespace {

constexpr UseCase kCases[] = {
    {"a function that has the pointer's type", R"(
struct stream { int (*put)(struct stream *, const void *, size_t); long file; };
N int put(struct stream *s, const void *p, size_t n) {
#ifdef UNSEEN
  s->file = ((const struct head *)p)->size;
#endif
  return write(s->file, p, n);
}
struct stream stream = { put, 1 };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes + o->end, o->used) < 0; }
)"},
    {"one of several", R"(
struct stream; struct ways { int (*get)(struct stream *, void *, size_t); int (*put)(struct stream *, const void *, size_t); };
struct stream { const struct ways *ways; long file; };
N int get(struct stream *s, void *p, size_t n) { return read(s->file, p, n); }
N int put(struct stream *s, const void *p, size_t n) { return write(s->file, p, n); }
N int put_too(struct stream *s, const void *p, size_t n) {
#ifdef UNSEEN
  return ((const struct head *)p)->size;
#else
  return write(s->file + 1, p, n);
#endif
}
const struct ways ways[2] = { { get, put }, { get, put_too } };
N void use(struct owner *o, struct stream *s) { if (s->ways->put(s, o->bytes + o->end, o->used) < 0) s->file++; }
)"},
    {"it keeps it", R"(
struct stream { int (*put)(struct stream *, const void *, size_t); long file; const void *last; };
N int put(struct stream *s, const void *p, size_t n) {
#ifdef UNSEEN
  hidden = (void *)p;
#endif
  return write(s->file, p, n);
}
struct stream stream = { put, 1 };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used) < 0; }
)"},
    {"it returns it", R"(
struct stream { const void *(*after)(struct stream *, const void *, size_t); };
N const void *after(struct stream *s, const void *p, size_t n) { return ((const char *)p)[n] ? p : NULL; }
struct stream stream = { after };
N long use(struct owner *o, struct stream *s) {
  const void *p = s->after(s, o->bytes, o->used);
#ifdef UNSEEN
  return ((const struct head *)p)->size;
#else
  return *(const char *)p;
#endif
}
)"},
    {"another object's function may return it", R"(
struct stream { const void *(*after)(struct stream *, const void *, size_t); };
N long use(struct owner *o, struct stream *s) {
  const void *p = s->after(s, o->bytes, o->used);
#ifdef UNSEEN
  return ((const struct head *)p)->size;
#else
  return *(const char *)p;
#endif
}
)"},
    {"its type does not say that it only reads", R"(
#ifdef UNSEEN
#define const
#endif
struct stream { int (*put)(struct stream *, const void *, size_t); };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used); }
)"},
    {"it is not told how much", R"(
#ifdef UNSEEN
#define size_t int
#endif
struct stream { int (*put)(struct stream *, const void *, size_t); };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used); }
)"},
    {"it could write the address to an argument", R"(
#ifdef UNSEEN
typedef const void **where;
#else
typedef const void *const *where;
#endif
struct stream { int (*put)(where, const void *, size_t); };
N int use(struct owner *o, struct stream *s, where w) { return s->put(w, o->bytes, o->used); }
)"},
    {"it could write the address to a number", R"(
#ifdef UNSEEN
typedef size_t number;
#else
typedef long number;
#endif
struct stream { int (*put)(number *, const void *, size_t); };
N int use(struct owner *o, struct stream *s, number *w) { return s->put(w, o->bytes, o->used); }
)"},
    {"it could write the address to an intptr_t", R"(
#include <stdint.h>
#ifdef UNSEEN
typedef intptr_t number;
#else
typedef long number;
#endif
struct stream { int (*put)(number *, const void *, size_t); };
N int use(struct owner *o, struct stream *s, number *w) { return s->put(w, o->bytes, o->used); }
)"},
    {"it is told another function", R"(
#ifdef UNSEEN
typedef void (*more)(const void *);
#else
typedef struct head *more;
#endif
struct stream { int (*put)(more, const void *, size_t); };
N int use(struct owner *o, struct stream *s, more m) { return s->put(m, o->bytes, o->used); }
)"},
    {"it returns a structure", R"(
#ifdef UNSEEN
typedef struct { const void *p; } result;
#else
typedef long result;
#endif
struct stream { result (*put)(struct stream *, const void *, size_t); };
N void use(struct owner *o, struct stream *s) { result r = s->put(s, o->bytes, o->used); hidden = *(void **)&r; }
)"},
    {"it has more arguments than are known", R"(
#ifdef UNSEEN
#define MORE , ...
#else
#define MORE
#endif
struct stream { int (*put)(struct stream *, const void *, size_t MORE); };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used); }
)"},
    {"the pointer has been cast", R"(
struct stream { int (*put)(struct stream *, const void *, size_t); };
N int put_head(struct stream *s, const struct head *p, size_t n) { return p->size + n; }
N int put_text(struct stream *s, const char *p, size_t n) { return p[n]; }
#ifdef UNSEEN
#define FUNCTION put_head
#else
#define FUNCTION put_text
#endif
struct stream stream = { (int (*)(struct stream *, const void *, size_t))FUNCTION };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used); }
)"},
    {"the pointer is no member's", R"(
struct stream { int (*put)(struct stream *, const void *, size_t); };
N int use(struct owner *o, struct stream *s, int (*put)(struct stream *, const void *, size_t)) {
#ifndef UNSEEN
  put = s->put;
#endif
  return put(s, o->bytes, o->used);
}
)"},
    {"two declarations of the member", R"(
struct stream { int (*put)(struct stream *, const void *, size_t); };
struct sink { int (*put)(struct sink *, const void *, size_t); };
N int use(struct owner *o, struct stream *s) { return s->put(s, o->bytes, o->used); }
#ifdef UNSEEN
N int use_too(struct owner *o, struct sink *s) { return ((int (*)(struct sink *, void *))s->put)(s, o->bytes) + ((struct head *)o->bytes)->size; }
#endif
)"},
};

TEST(PossibleCallees, CallsThroughPointersAreFollowedIntoAllThatTheyMayReach) {
  EXPECT_EQ(wrongly_confirmed(kCases), std::vector<std::string>{});
}

}  // namespace
}  // namespace allocs::meta
