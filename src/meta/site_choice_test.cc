// SPDX-License-Identifier: Apache-2.0
#include "meta/site_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "meta/compiled_subject.h"

// What finished C++ code says of a block too much: each function whose name ends in "_open" asks for something that looks like something
// else. None of that may be told with a size that confirms it, or as what a new-expression makes.
namespace allocs::meta {
namespace {

constexpr std::string_view kSource = R"(#include <stdlib.h>
#include <new>
#define N __attribute__((noinline))
void *volatile hidden;
struct head { int n, m; };
N void head_open(size_t *n) { head *h = (head *)malloc(sizeof *h + *n * sizeof(double)); h->n = 1; hidden = h; }
N void raw_head_open(size_t *n) { head *h = (head *)operator new(sizeof *h + *n * sizeof(double)); h->n = 1; hidden = h; }
N void head_agrees(size_t *n) { head *h = (head *)malloc(*n * sizeof *h); h->n = 1; hidden = h; }
struct owner { void *p; ~owner() { free(p); } };
N void count_open(size_t *n) { owner *o = new (std::nothrow) owner[*n]; hidden = o; }
struct three { int x, y, z; };
N void more_exact(size_t *n) { three *t = new three[*n + 1]; hidden = t; }
struct base { int v; }; struct derived : base {} kept;
N void derived_open() { base *b = new derived; b->v = 3; hidden = b; }
N void single_exact() { three *t = new three; t->x = 1; hidden = t; }
struct shape { long a; virtual long area() { return a; } virtual ~shape() {} };
struct square : shape { long area() override { return a * a; } };
struct circle : shape { long area() override { return 3 * a * a; } };
N void either_open(int k) { shape *s = k ? static_cast<shape *>(new square) : new circle; hidden = s; }
template <class T> struct row { T *d; size_t n; explicit row(size_t n) : d(new T[n]), n(n) {} ~row() { delete[] d; } };
struct point { int x, y; };
template <class T> N void draw(const T &t) { hidden = (void *)&t; }
N void temporary_open(size_t *n) {
  draw(row<point>(2 * *n));
  row<int> counts(40 * *n); //= int
  draw(counts);
}
int main() { return 0; }
)";

// The line that says which type is right.
unsigned line_of_mark() {
  const std::string_view before = kSource.substr(0, kSource.find("//="));
  return 1 + static_cast<unsigned>(std::count(before.begin(), before.end(), '\n'));
}

TEST(SiteChoice, IsNotConfirmedByWhatMayBeSomethingElse) {
  for (const Compilation& compilation : all_compilations(true)) {
    CompiledSubject subject{compilation, kSource, true};
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    int agreeing = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const std::string_view function = image->text(site.function);
      constexpr auto kFits = types::kSiteStrideFits | types::kSiteConstantSizeFits;
      const bool is_exact = site.provenance == types::Provenance::new_expression;
      const bool is_sure =
          site.type != types::kNoType && ((site.evidence & kFits) != 0 || is_exact);
      if (function.ends_with("_open") && site.line != line_of_mark()) {
        const types::TypeRecord* const type = image->type(site.type);
        const std::string_view name = type == nullptr ? "" : image->text(type->name);
        const bool is_right =
            name == "__ARR0_point" || name == "derived" || name == "square" || name == "circle";
        EXPECT_FALSE(is_sure && !is_right)
            << compilation.command << ": " << function << " " << name;
      }
      EXPECT_TRUE(is_exact || !function.ends_with("_exact"))
          << compilation.command << ": " << function;
      agreeing += function.ends_with("_agrees") && is_sure;
    }
    EXPECT_EQ(agreeing, 1) << compilation.command;
  }
}

}  // namespace
}  // namespace allocs::meta
