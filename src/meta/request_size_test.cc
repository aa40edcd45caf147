// SPDX-License-Identifier: Apache-2.0
#include "meta/request_size.h"

#include "meta/site_checks_test.h"

namespace allocs::meta {
namespace {

// Sizes that functions compute.
constexpr std::string_view kHelpers = R"(#include <setjmp.h>
#include <stdlib.h>
jmp_buf back;
struct node { struct node *next; long payload[5]; };
struct block { struct block *next; char *end; long space[]; };
void *volatile hidden; size_t volatile given;
__attribute__((noinline)) void *xmalloc(size_t n) { void *p = malloc(n); if (!p) abort(); return p; } //= wrapper
__attribute__((noinline, noclone)) size_t sum(size_t a, size_t b) { if (a > (size_t)-1 - b) abort(); return a + b; }
__attribute__((noinline, noclone)) size_t product(size_t a, size_t b) { if (b && a > (size_t)-1 / b) abort(); return a * b; }
__attribute__((noinline, noclone)) size_t room_for(size_t n) { return product(n, sizeof(struct node)); }
__attribute__((noinline, noclone)) size_t some_size(size_t n) { return n > given ? given : n; }
__attribute__((noinline, noclone)) size_t endless(size_t n) { return n ? endless(n - given) + 1 : 0; }
void one_block(size_t n) { struct block *b = xmalloc(sum(sizeof *b, n)); b->next = 0; hidden = b; } //= block
void one_longer_block(size_t n) { struct block *b = xmalloc(sum(sizeof *b, sum(n, 1))); b->next = 0; hidden = b; } //= block
void nodes(size_t n) { struct node *p = xmalloc(product(sizeof *p, n)); p->next = 0; hidden = p; } //= __ARR0_node
void nodes_by_function(size_t n) { struct node *p = xmalloc(room_for(n)); p->next = 0; hidden = p; } //= __ARR0_node
void some_nodes(size_t n) { struct node *p = xmalloc(some_size(n)); p->next = 0; hidden = p; } //= none
void endless_nodes(size_t n) { struct node *p = xmalloc(endless(n)); p->next = 0; hidden = p; } //= none
__attribute__((noinline, noclone)) size_t longs(size_t n) { return n * sizeof(long); }
__attribute__((noinline, noclone)) void *get_longs(size_t n) { long *p = malloc(longs(n)); if (!p) abort(); p[0] = 0; return p; } //= wrapper
void node_of_longs(void) { struct node *n = get_longs(6); n->next = 0; hidden = n; } //= none or node
__attribute__((noinline, noclone, cold)) void rare(size_t n) { given = n; hidden = &n; }
__attribute__((noinline, noclone)) static size_t other(size_t n) { hidden = &n; return n + 1; }
__attribute__((noinline, noclone)) static size_t perhaps_nodes(size_t n, size_t k) { if (k > 3) { rare(n); return 100; } return n * sizeof(struct node); }
__attribute__((noinline, noclone)) static size_t nodes_or_other(size_t n, size_t k) { if (k > 3) return other(n); return n * sizeof(struct node); }
void perhaps(size_t n) { struct node *p = xmalloc(perhaps_nodes(n, given)); p->next = 0; hidden = p; } //= none
void or_other(size_t n) { struct node *p = xmalloc(nodes_or_other(n, given)); p->next = 0; hidden = p; } //= none
__attribute__((noinline, noclone)) void *one_at_least(size_t n) { void *p = malloc(n ? n : 1); if (!p) abort(); return p; } //= wrapper
void one_of_one_at_least(void) { struct node *n = one_at_least(sizeof *n); n->next = 0; hidden = n; } //= node
void some_of_one_at_least(size_t k) { struct node *n = one_at_least(k * sizeof *n); n->next = 0; hidden = n; } //= __ARR0_node
__attribute__((noinline, noclone)) void leap(int n) { hidden = &n; longjmp(back, n); }
__attribute__((noinline, noclone)) void leapt_over(size_t n) { volatile size_t bytes = n * sizeof(struct node); if (!setjmp(back)) { bytes = 72; leap(1); } struct node *p = xmalloc(bytes); p->next = 0; hidden = p; } //= none
int main(int n, char **v) { leapt_over(n); one_block(n); one_longer_block(n); nodes(n); nodes_by_function(n); some_nodes(n); endless_nodes(n); node_of_longs(); perhaps(n); or_other(n); one_of_one_at_least(); some_of_one_at_least(n); return 0; }
)";
TEST(RequestSize, ThatFunctionsComputeIsFollowedWithEveryCompilerAndLevel) {
  check_all(kHelpers, false, 97, 10);
}

// To divide by 24 is to multiply by a large number.
constexpr std::string_view kCounts = R"(#include <cstdlib>
struct triple { long a, b, c; };
__attribute__((noinline)) triple *grown(const triple *begin, const triple *end) {
  size_t n = static_cast<size_t>(end - begin);
  n += n ? n : 1;
  triple *p = static_cast<triple *>(malloc(n * sizeof(triple))); //= __ARR0_triple
  if (p) p[0].a = 3;
  return p;
}
int main(int n, char **) { triple some[3]; return grown(some, some + n) == nullptr; }
)";
TEST(RequestSize, ThatCountsWhatLiesBetweenTwoPointersIsFollowed) { check_all(kCounts, true, 100); }

// Its callers ask for other things than longs.
TEST(RequestSize, ThatAFunctionComputesOfAnArgumentMakesAWrapper) {
  for (const Compilation& compilation : all_compilations(false)) {
    CompiledSubject subject{compilation, kHelpers, false};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    int found = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      if (image->text(site.function) != std::string_view{"get_longs"}) continue;
      ++found;
      EXPECT_EQ(site.type, types::kNoType) << compilation.command;
      EXPECT_NE(site.flags & types::kSiteWrapper, 0) << compilation.command;
    }
    EXPECT_EQ(found, 1) << compilation.command;
  }
}

}  // namespace
}  // namespace allocs::meta
