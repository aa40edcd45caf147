// SPDX-License-Identifier: Apache-2.0
#include "meta/optimised_pointers.h"

#include "meta/site_checks_test.h"

namespace allocs::meta {
namespace {

// Structures of which an optimiser keeps the members in registers, and that no variable is as a whole.
constexpr std::string_view kParts = R"(#include <stdlib.h>
struct item { long key, values[4]; };
struct stack { int count, room; struct item **items; };
struct columns { struct item *first; long *second; };
static struct { unsigned room; struct item **rows; } table;
void *volatile hidden; struct item one_item; long volatile number;
__attribute__((noinline)) void *xrealloc(void *old, size_t n) { void *p = realloc(old, n); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline)) void *xmalloc(size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
static inline void push(struct stack *s, struct item *i) {
  if (s->count == s->room) { s->room = s->room * 2 + 16; s->items = xrealloc(s->items, s->room * sizeof *s->items); } //= __ARR0___PTR_item
  s->items[s->count++] = i;
}
__attribute__((noinline)) long sum(int n) {
  struct stack s = {0, 0, NULL};
  while (n--) push(&s, &one_item);
  long all = 0;
  while (s.count) all += s.items[--s.count]->key;
  free(s.items);
  return all;
}
__attribute__((noinline)) struct item *at(unsigned i) {
  if (table.room <= i) { table.rows = xrealloc(table.rows, (i + 1) * sizeof *table.rows); table.room = i + 1; } //= __ARR0___PTR_item
  return table.rows[i] = xmalloc(sizeof **table.rows); //= item
}
__attribute__((noinline)) long two_columns(size_t n, size_t k) {
  struct columns c;
  c.first = xmalloc(n * sizeof *c.first + k * sizeof *c.second); //= none
  c.second = (long *)(c.first + n);
  for (size_t i = 0; i < k; i++) c.second[i] = number;
  for (size_t i = 0; i < n; i++) c.first[i].key = number;
  return c.first[n - 1].key + c.second[k - 1];
}
int main(int n, char **v) { return sum(n) + at(n)->key + two_columns(n, n + 1); }
)";
TEST(OptimisedPointers, InPartsOfVariablesTellTypesWithEveryCompilerAndLevel) {
  check_all(kParts, false, 97, 5);
}

// A view of anything as bytes.
TEST(OptimisedPointers, ToBytesInPartsOfVariablesTellNothing) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct item { long key, values[4]; };
struct view { char *at; size_t count; };
void *volatile hidden; size_t volatile given;
__attribute__((noinline)) size_t viewed(size_t n) {
  struct view v = {malloc(n * sizeof(struct item)), n};
  if (v.count > given) hidden = v.at;
  given = v.count;
  hidden = v.at;
  return v.count;
}
int main(int n, char **a) { return viewed(n); }
)";
  for (const Compilation& compilation : all_compilations(false)) {
    if (compilation.command.find("-O0") != std::string::npos) continue;  // there it is a variable
    CompiledSubject subject{compilation, kSource, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites))
      EXPECT_EQ(site.type, types::kNoType) << compilation.command;
  }
}

}  // namespace
}  // namespace allocs::meta
