// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "meta/uses_subject.h"

// What functions do with the block that they are given, and with what other functions give back of it.
namespace allocs::meta {
namespace {

constexpr UseCase kCases[] = {
    {"a callee gives it back", R"(
N char *skipped(char *p) { return p + (*p == 32); }
N void use(struct owner *o) {
  char *q = skipped(o->bytes);
#ifdef UNSEEN
  ((struct head *)q)->size = 1;
#else
  *q = 1;
#endif
}
)"},
    {"a callee of a callee gives it back", R"(
N char *skipped(char *p) { return p + (*p == 32); }
N char *skipped_too(char *p) { hidden = (void *)(long)*p; return skipped(p + 1); }
N long use(struct owner *o) {
#ifdef UNSEEN
  return ((struct head *)skipped_too(o->bytes))->size;
#else
  return *skipped_too(o->bytes);
#endif
}
)"},
    {"what a callee gives back is kept", R"(
N char *skipped(char *p) { return p + (*p == 32); }
char *kept;
N void use(struct owner *o) {
  char *q = skipped(o->bytes);
#ifdef UNSEEN
  kept = q;
#endif
  *q = 1;
}
)"},
    {"a function calls itself", R"(
N char *nested(char *p, long depth) {
  if (depth == 0 || *p == 0) return p;
  if (depth > 3) p = nested(p + *p, depth - 1);
#ifdef UNSEEN
  ((struct head *)p)->size = depth;
#endif
  return p;
}
N void use(struct owner *o) { nested(o->bytes, o->end); }
)"},
    {"two functions call each other", R"(
N void second(char *p, long n);
N void first(char *p, long n) { if (n > 0 && *p) second(p + 1, n - 1); hidden = (void *)n; }
N void second(char *p, long n) {
#ifdef UNSEEN
  ((struct head *)p)->size = n;
#endif
  for (long i = 0; i < n; i++) first(p + i, n - 1);
  hidden = (void *)n;
}
N void use(struct owner *o) { first(o->bytes, o->used); }
N void use_too(struct owner *o) { second(o->bytes, o->used); }
)"},
    {"in the cold part", R"(
__attribute__((cold, noinline)) void complain(long n) { hidden = (void *)n; }
N void use(struct owner *o) {
  char *p = o->bytes;
  if (o->used == 77) {
#ifdef UNSEEN
    ((volatile struct head *)p)->size = o->id;
#endif
    complain(p[3]);
    complain(p[5]);
  }
  p[o->id] = 1;
}
)"},
    {"one of many that a variable may be", R"(
extern char *texts(int n);
N char *texts(int n) { static char all[20][8]; return all[n]; }
N void use(struct owner *o, int n) {
  char *p;
  switch (n) {
    case 0: p = texts(1); break;
    case 1: p = texts(2) + o->end; break;
    case 2: p = texts(3) + 3; break;
    case 3: p = texts(4) + 1; break;
    case 4: p = texts(5) + 2; break;
    case 5: p = texts(6) + 4; break;
    case 6: p = texts(7) + 5; break;
    case 7: p = texts(8) + 6; break;
    case 8: p = texts(9) + 7; break;
    case 9: p = texts(10) + 8; break;
    case 10: p = texts(11) + 9; break;
    case 11: p = texts(12) + 10; break;
    case 12: p = texts(13) + 11; break;
    case 13: p = texts(14) + 12; break;
    case 14: p = texts(15) + 13; break;
    case 15: p = texts(16) + 14; break;
    case 16: p = texts(17) + 15; break;
    case 17: p = texts(18) + 16; break;
#ifdef UNSEEN
    case 18: p = o->bytes; break;
#endif
    default: p = texts(19); break;
  }
  o->bytes[o->used] = 1;
  ((struct head *)p)->size = 1;
}
)"},
    {"loaded together with what lies in front", R"(
struct pair { long n; char *p; };
N void take(struct pair *out, struct owner *o) {
#ifdef UNSEEN
  out->n = o->used; out->p = o->bytes;
#endif
}
N long use(struct pair *pair) { return ((struct head *)pair->p)->size + pair->n; }
)"},
    {"at a negative distance", R"(
N long use(struct owner *end) {
#ifdef UNSEEN
  return ((struct head *)end[-1].bytes)->size;
#else
  return end[-1].used;
#endif
}
)"},
};

TEST(MemberCalls, WhatIsGivenAndGivenBackIsFollowed) {
  EXPECT_EQ(wrongly_confirmed(kCases), std::vector<std::string>{});
}

}  // namespace
}  // namespace allocs::meta
