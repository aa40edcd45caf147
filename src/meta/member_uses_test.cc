// SPDX-License-Identifier: Apache-2.0
#include "meta/member_uses.h"

#include <gtest/gtest.h>

#include <string>

#include "meta/compiled_subject.h"

// Each subject allocates in `site` and uses the block as bytes where that is easy to see: use confirms the type. With
// UNSEEN the block is read as a structure as well, where that is hard to see: use must not confirm it then. One case a
// program, so that each stands on its own.
namespace allocs::meta {
namespace {

constexpr std::string_view kCommon = R"(#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#define N __attribute__((noinline))
struct head { long size; struct head *next; };
void *volatile hidden;
)";

// A block that is kept in a member.
constexpr std::string_view kOwner = R"(
struct owner { long id, used; char *bytes; long end; };
N void fill(struct owner *o) { o->bytes[o->used++] = 1; }
N void site(struct owner *o) { o->bytes = malloc(4096); }
)";

struct Case {
  std::string_view name;
  bool has_owner;
  std::string_view code;
};

constexpr Case kCases[] = {
    {"cast of what a function is given", true, R"(
N long size(void *p) { return ((struct head *)p)->size; }
N void use(struct owner *o) { hidden = (void *)size(o->bytes); }
)"},
    {"cast of what a function is given as text", true, R"(
N long size(char *p) { return ((struct head *)p)->size; }
N void use(struct owner *o) { hidden = (void *)size(o->bytes); }
)"},
    {"in a structure in the frame that is lent", true, R"(
struct carrier { int kind; void *what; };
N void take(struct carrier *c) { ((struct head *)c->what)->size = c->kind; }
N void use(struct owner *o) { struct carrier c = { 3, o->bytes }; take(&c); }
)"},
    {"in such a structure, one function further", true, R"(
struct carrier { int kind; void *what; };
N void take(struct carrier *c) { ((struct head *)c->what)->size = c->kind; }
N void carry(void *p) { struct carrier c = { 3, p }; take(&c); }
N void use(struct owner *o) { carry(o->bytes); }
)"},
    {"in an iovec", true, R"(
#include <sys/uio.h>
N void take(struct iovec *v) { ((struct head *)v->iov_base)->size = v->iov_len; }
N void use(struct owner *o) { struct iovec v = { o->bytes, 8 }; take(&v); }
)"},
    {"behind an ellipsis", true, R"(
N void take(int n, ...) { va_list a; va_start(a, n); struct head *h = va_arg(a, struct head *); if (h) h->size = n; va_end(a); }
N void use(struct owner *o) { take(1, o->bytes); }
)"},
    {"as a seventh argument", true, R"(
N void take(long a, long b, long c, long d, long e, long f, void *p) { ((struct head *)p)->size = a + b + c + d + e + f; }
N void use(struct owner *o) { take(1, 2, 3, 4, 5, 6, o->bytes); }
)"},
    {"through a pointer to a function", true, R"(
struct ops { long (*give)(void *, int); };
N void use(struct owner *o, struct ops *ops) { ops->give(o->bytes, 1); }
)"},
    {"in a register that a call leaves alone", true, R"(
long counter;
N static void tick(void) { counter++; }
N long use(struct owner *o) { char *p = o->bytes; tick(); return ((struct head *)p)->size; }
)"},
    {"of the next in a row", true, R"(
N long use(struct owner *o) { return ((struct head *)o[1].bytes)->size; }
)"},
    {"at an index in the owner", true, R"(
N long use(struct owner *o, long i) { long *words = (long *)o; return ((struct head *)words[i])->size; }
)"},
    {"at a distance that a table tells", true, R"(
N long use(struct owner *o, const size_t *distance) {
  char **at = (char **)((char *)o + *distance);
  return ((struct head *)*at)->size;
}
)"},
    {"under another name in a structure that begins alike", true, R"(
struct node { long id, used; void *value; };
N long use(void *any) { struct node *n = any; return ((struct head *)n->value)->size; }
N long call(struct owner *o) { return use(o); }
)"},
    {"by an instruction that names no memory", true, R"(
N void use(struct owner *o) { char *p = o->bytes; __asm__ volatile("mov %0, %%rsi; lodsq" ::"r"(p) : "rax", "rsi", "memory"); }
)"},
    {"by one that copies as much as a register says", true, R"(
N void use(struct owner *o, void *to) {
  void *from = o->bytes;
  size_t n = 40;
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
)"},
    {"in a copy of the owner that such an instruction makes", true, R"(
struct copy { long words[4]; };
N long use(struct owner *o, struct copy *c) {
  void *to = c, *from = o;
  size_t n = 4;
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
  return ((struct head *)c->words[2])->size;
}
)"},
    {"as text, by a function that a pointer leads to", true, R"(
struct stream { const char *name; void (*input)(struct stream *, const char *, size_t); long total; };
N static void input(struct stream *s, const char *p, size_t n) { s->total += ((const struct head *)p)->size; }
struct stream streams[] = { { "one", input, 0 } };
N void feed(struct stream *s, const char *p, size_t n) { s->input(s, p, n); }
N void use(struct owner *o, int i) { feed(&streams[i], o->bytes, o->used); }
)"},
    {"through a structure inside the owner", false, R"(
struct handle { void *data; int fd; };
struct owner { long id, used; char *bytes; long end; struct handle h; };
N void fill(struct owner *o) { o->bytes[o->used++] = 1; }
N void site(struct owner *o) { o->bytes = malloc(4096); }
#ifdef UNSEEN
N void on_read(struct handle *h) {
  struct owner *o = (struct owner *)((char *)h - offsetof(struct owner, h));
  o->end = ((struct head *)o->bytes)->size;
}
#endif
)"},
    {"by an instruction of three operands", false, R"(
__attribute__((target("avx2"))) N long site(size_t n, double d) {
  char *p = malloc(n + 1); p[n] = 0; hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  __asm__ volatile("vaddsd (%1), %0, %0" : "+x"(d) : "r"(p));
#endif
  return (long)d;
}
)"},
    {"the member's address is lent", true, R"(
N void take(char **p) { ((struct head *)*p)->size = 4; }
N void use(struct owner *o) { take(&o->bytes); }
)"},
    {"returned from the member", true, R"(
N char *at(struct owner *o, long i) { return o->bytes + i * 16; }
N long use(struct owner *o, long i) { return ((struct head *)at(o, i))->size; }
)"},
    {"the structure's address is kept in a void pointer", true, R"(
N long use(void *any) { return ((struct head *)((struct owner *)any)->bytes)->size; }
)"},
    {"in the element before", true, R"(
N long use(struct owner *o) { return ((struct head *)o[-1].bytes)->size; }
)"},
    {"exchanged out of the member", true, R"(
N long use(struct owner *o) { struct head *h = (struct head *)__atomic_exchange_n(&o->bytes, NULL, 5); return h->size; }
)"},
    {"the structure is given as a copy", true, R"(
N long size(struct owner o) { return ((struct head *)o.bytes)->size; }
N long use(struct owner *o) { return size(*o); }
)"},
    {"another structure that begins alike", true, R"(
struct larger { long id, used; char *bytes; long end, more; };
N long use(struct larger *l) { return ((struct head *)l->bytes)->size + l->more; }
)"},
    {"a row of pointers is walked", false, R"(
struct rows { long id, used; char *first; char *second; long end; };
N void fill(struct rows *r) { r->second[r->used++] = 1; }
N void site(struct rows *r) { r->second = malloc(4096); }
#ifdef UNSEEN
N void take(char **p, int n) { for (int i = 0; i < n; i++) ((struct head *)p[i])->size = i; }
N void use(struct rows *r) { take(&r->first, 2); }
#endif
)"},
    {"a row of pointers is indexed", false, R"(
struct rows { long id, used; char *first; char *second; long end; };
N void fill(struct rows *r) { r->second[r->used++] = 1; }
N void site(struct rows *r) { r->second = malloc(4096); }
#ifdef UNSEEN
N long use(struct rows *r, int i) { return ((struct head *)(&r->first)[i])->size; }
#endif
)"},
    {"a list is walked", false, R"(
struct linked { struct linked *next; char *data; long used; };
N void fill(struct linked *l) { l->data[l->used++] = 1; }
N void site(struct linked *l) { l->data = malloc(4096); }
#ifdef UNSEEN
N long use(struct linked *l) { long all = 0; for (; l; l = l->next) all += ((struct head *)l->data)->size; return all; }
#endif
)"},
    {"kept behind a head", false, R"(
struct cursor { long id, used; char *at; long end; };
N void fill(struct cursor *c) { c->at[c->used++] = 1; }
N void site(struct cursor *c, size_t n) {
  char *p = malloc(n + 16); p[n] = 1; hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  c->at = p + 16;
#endif
}
#ifdef UNSEEN
N long use(struct cursor *c) { return ((struct head *)c->at)[-1].size; }
#endif
)"},
    {"returned behind a head", false, R"(
N char *site(size_t *n) {
  char *p = malloc(*n + 16);
#ifdef UNSEEN
  p += 16;
#endif
  p[0] = 1; p[*n - 1] = 0; return p;
}
)"},
    {"a structure's flag", false, R"(
struct flagged { long n; char flag; };
N void take(void *p) { ((struct flagged *)p)->flag = 1; }
N void site(size_t n) {
  char *p = malloc(n); p[n / 2] = 2;
#ifdef UNSEEN
  take(p);
#endif
  hidden = (void *)(long)p[n / 3]; free(p);
}
)"},
    {"the variable's address is lent", false, R"(
N void take(char **p) { ((struct head *)*p)->size = 4; }
N void site(size_t n) {
  char *p = malloc(n); p[n / 2] = 2; hidden = (void *)(long)p[n / 3];
#ifdef UNSEEN
  take(&p);
#endif
  free(p);
}
)"},
    {"kept by a text function", false, R"(
static struct { char *at; } stream;
N void open_stream(char *p) {
#ifdef UNSEEN
  stream.at = p;
#endif
  p[1] = 1;
}
N long size_in_stream(void) { return ((struct head *)stream.at)->size; }
N void site(size_t n) { char *p = malloc(n + 2); p[n] = 0; open_stream(p); hidden = (void *)(long)p[n / 2]; free(p); }
)"},
    {"returned by a text function", false, R"(
N char *skipped(char *p) {
  hidden = (void *)(long)p[0];
#ifdef UNSEEN
  return p + (p[0] & 7);
#else
  return NULL;
#endif
}
N void site(size_t n) {
  char *p = malloc(n + 1); p[n] = 0; char *q = skipped(p); hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  ((struct head *)q)->size = 1;
#endif
}
)"},
    {"published by an exchange", false, R"(
N void site(size_t n) {
  char *p = malloc(n + 1); p[n] = 0; hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  __atomic_store_n(&hidden, p, 5);
#endif
}
)"},
    {"a structure is copied in", false, R"(
N void site(struct head *h, size_t n) {
  char *p = malloc(n + sizeof *h); p[n / 2] = 0;
#ifdef UNSEEN
  memcpy(p, h, n);
#endif
  hidden = (void *)(long)p[n / 3]; free(p);
}
)"},
    {"kept twice by one vector register", false, R"(
struct ends { char *start, *at; };
N void site(struct ends *e, size_t n) {
  char *p = malloc(n); p[n / 2] = 0; hidden = (void *)(long)p[n / 3];
#ifdef UNSEEN
  e->start = p; e->at = p;
#endif
}
#ifdef UNSEEN
N long use(struct ends *e) { return ((struct head *)e->at)->size; }
#endif
)"},
    {"in the cold part", false, R"(
N void fail(long n, char *why) { hidden = why; abort(); }
N void site(size_t n, int k) {
  char *p = malloc(n + 1); p[n] = 0; hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  if (__builtin_expect(k == 77, 0)) { ((volatile struct head *)p)->size = n; fail(p[n / 3], "no"); }
#endif
  free(p);
}
)"},
    {"the second half of what is returned", false, R"(
struct two { size_t n; char *p; };
N struct two site(size_t n) {
  char *p = malloc(n + 1); p[n] = 0; hidden = (void *)(long)p[n / 2];
#ifdef UNSEEN
  return (struct two){ n, p };
#else
  return (struct two){ n, NULL };
#endif
}
)"},
};

// -1 if there is no such site.
int is_confirmed(const Compilation& compilation, std::string_view code, bool has_unseen) {
  std::string source(has_unseen ? "#define UNSEEN\n" : "");
  (source += kCommon) += code;
  CompiledSubject subject{compilation, source + "int main() { return 0; }\n", false};
  EXPECT_TRUE(subject.is_compiled());
  const auto image = subject.is_compiled() ? subject.image() : std::nullopt;
  if (!image) return -1;
  for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
    if (std::string_view(image->text(site.function)) == "site")
      return (site.flags & types::kSiteUsedAsTold) != 0 ? 1 : 0;
  }
  return -1;
}

TEST(MemberUses, WhatIsNotSeenLeavesOpenWhatElseIsConfirmed) {
  for (const char* command : {"gcc -g -O0", "gcc -g -O2", "clang-19 -g -O0", "clang-19 -g -O2"}) {
    const Compilation compilation{command};
    EXPECT_EQ(is_confirmed(compilation, kOwner, false), 1) << command;
    for (const Case& one : kCases) {
      if (!one.has_owner) {
        EXPECT_EQ(is_confirmed(compilation, one.code, false), 1) << command << ": " << one.name;
      }
      const std::string code = std::string(one.has_owner ? kOwner : "").append(one.code);
      EXPECT_EQ(is_confirmed(compilation, code, true), 0) << command << ": " << one.name;
    }
  }
}

}  // namespace
}  // namespace allocs::meta
