// SPDX-License-Identifier: Apache-2.0
#include "meta/allocator_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "meta/allocate_code.h"
#include "meta/compiled_subject.h"

namespace allocs::meta {
namespace {

// What containers of the standard library ask for: std::allocator says of what.
constexpr std::string_view kContainers = R"(#include <deque>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>
struct point { int x, y; };
void *volatile hidden;
std::vector<char> bytes; std::vector<unsigned char> more_bytes; std::vector<point> points; std::vector<const point *> pointers;
std::vector<bool> bits; std::map<int, point> numbered; std::list<point> listed; std::deque<point> queue; std::unordered_map<int, point> hashed;
void fill(const char *from, int n, const point &p) {
  bytes.assign(from, from + n); more_bytes.resize(n); points.push_back(p); pointers.push_back(&p); bits.push_back(n != 0); numbered[n] = p; listed.push_back(p);
  queue.push_back(p); hashed[n] = p;
}
void share(std::shared_ptr<point> &to) { to = std::make_shared<point>(); }
char *at_once(int n) { std::allocator<char> of; return of.allocate(n); }
int main(int argc, char **argv) { point p{1, 2}; std::shared_ptr<point> shared; fill(argv[0], argc, p); share(shared); hidden = at_once(argc); return 0; }
)";

// Their functions for elements of one size are equal, and g++ -O2 makes them one: all code says that it is an allocator<one>'s. The sites are known by
// the functions around them.
constexpr std::string_view kEqualContainers = R"(#include <vector>
struct one { long a; int b; }; struct two { double a; int b; }; struct three { void *a; long b; };
void *volatile hidden;
template <class T> __attribute__((noinline)) void keep(std::vector<T> &v) { hidden = &v; }
void fill_one(int n, const one &x) { std::vector<one> v; v.reserve(n); v.push_back(x); keep(v); std::vector<one> w(v); keep(w); }
void fill_two(int n, const two &x) { std::vector<two> v; v.reserve(n); v.push_back(x); keep(v); std::vector<two> w(v); keep(w); }
void fill_three(int n, const three &x) { std::vector<three> v; v.reserve(n); v.push_back(x); keep(v); std::vector<three> w(v); keep(w); }
int main(int n, char **) { fill_one(n, {}); fill_two(n, {}); fill_three(n, {}); }
)";

// The sites are in the library's headers; which types there are is seen by their names.
TEST(AllocatorCode, OfContainersHaveTheTypeOfTheirAllocator) {
  for (const Compilation& compilation : all_compilations(true)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject{compilation, kContainers, true};
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image);
    // Then of two elements of one size nobody knows which it is.
    const bool may_merge_functions = compilation.command.starts_with("g++ -g -O2") ||
                                     compilation.command.starts_with("g++ -g -O3");
    std::set<std::string_view> found;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      if (std::string_view(image->text(site.callee)) != "_Znwm") continue;
      const types::TypeRecord* const type = image->type(site.type);
      if (type == nullptr) {
        EXPECT_TRUE(may_merge_functions) << image->text(site.function) << ", line " << site.line;
        continue;
      }
      EXPECT_NE(site.evidence & types::kSiteAllocator, 0) << image->text(type->name);
      const types::TypeRecord& element =
          type->kind == types::Kind::array ? *image->type(type->target) : *type;
      EXPECT_EQ(site.constant_size % element.size, 0u);
      found.insert(image->text(type->name));
    }
    const auto has = [&](std::string_view part) {
      return std::any_of(found.begin(), found.end(),
                         [&](std::string_view name) { return name.find(part) != name.npos; });
    };
    const bool has_signed_chars = has("__ARR0_signed_char$8");
    EXPECT_TRUE(has_signed_chars);
    EXPECT_TRUE(has("__ARR0_unsigned_char$8") || has("__ARR0_uint$8"));
    EXPECT_TRUE(has("__ARR0_uint$64"));  // words of bits
    for (const std::string_view name :
         {"point", "__PTR_point", "__ARR0___PTR_point", "std::_Rb_tree_node<",
          "std::_List_node<point>", "std::__detail::_Hash_node<",
          "std::_Sp_counted_ptr_inplace<point"})
      EXPECT_TRUE(has(name)) << name;
    if (testing::Test::HasFailure()) {
      for (const std::string_view name : found) printf("  %s\n", std::string{name}.c_str());
      return;
    }
  }
}

TEST(AllocatorCode, OfContainersOfEqualElementsAreTheirOwn) {
  for (Compilation compilation : all_compilations(true)) {
    compilation.command += " -std=c++20";
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject{compilation, kEqualContainers, true};
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image);
    int told = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const types::TypeRecord* const type = image->type(site.type);
      if (std::string_view(image->text(site.callee)) != "_Znwm" || type == nullptr) continue;
      const std::string_view function = image->text(site.function);
      for (const std::string name : {"one", "two", "three"}) {
        if (!function.ends_with("_" + name) && function.find("<" + name) == function.npos) continue;
        EXPECT_TRUE(std::string_view(image->text(type->name)).ends_with(name))
            << image->text(type->name) << " in " << function;
        ++told;
      }
    }
    EXPECT_GE(told, 3);
  }
}

constexpr std::string_view kHeads = R"(#include <cstdlib>
#include <new>
#include <vector>
struct head { std::size_t size; long magic; }; struct point { long x, y; };
inline void *get(std::size_t n) { head *h = static_cast<head *>(std::malloc(n + sizeof(head))); if (!h) throw std::bad_alloc(); h->size = n; return h + 1; }
void *operator new(std::size_t n) { return get(n); }
void operator delete(void *p) noexcept { std::free(static_cast<head *>(p) - 1); }
void operator delete(void *p, std::size_t) noexcept { std::free(static_cast<head *>(p) - 1); }
void *volatile hidden;
void fill(std::vector<point> &v, int n) { for (int i = 0; i < n; ++i) v.push_back({i, i}); hidden = &v; }
int main(int n, char **) { std::vector<point> v; fill(v, n + 4); }
)";

TEST(AllocatorCode, WhatAProgramPutsInFrontIsNoElement) {
  for (const Compilation& compilation : all_compilations(true)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject{compilation, kHeads, true};
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image);
    int calls = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      if (std::string_view(image->text(site.callee)) != "malloc") continue;
      const types::TypeRecord* const type = image->type(site.type);
      const std::string_view name = type == nullptr ? "" : image->text(type->name);
      EXPECT_EQ(name.find("point"), name.npos) << name << " in " << image->text(site.function);
      ++calls;
    }
    EXPECT_GE(calls, 1);
  }
}

// dwz moves what units share to one of their own: which elements a unit has is then not to be seen in the unit.
TEST(AllocatorCode, SharedPartsOfUnitsHideNoElement) {
  if (std::system("command -v dwz >/dev/null") != 0) GTEST_SKIP() << "dwz is not installed";
  // Each unit has an element of its own and `two`.
  constexpr std::string_view kShared =
      "#include <vector>\nstruct two { double a; int b; };\nextern void *volatile hidden;\n"
      "template <class T> __attribute__((noinline)) void keep(std::vector<T> &v) { hidden = &v; "
      "}\n";
  const auto unit_of = [](const std::string& own) {
    const auto fill = [](const std::string& function, const std::string& type) {
      return "void " + function + "(int n, const " + type + " &x) { std::vector<" + type +
             "> v; v.reserve(n); v.push_back(x); keep(v); std::vector<" + type +
             "> w(v); keep(w); }\n";
    };
    return "#include \"shared.h\"\nstruct " + own + " { long a; int b; };\n" +
           fill("own_" + own, own) + fill("fill_" + own, "two");
  };
  for (const std::string command : {"g++ -g -O2 -std=c++20", "g++ -g -O3 -std=c++20"}) {
    CompiledSubject subject{{command}, kEqualContainers, true};
    const std::filesystem::path folder = subject.object().parent_path();
    std::ofstream{folder / "shared.h"} << kShared;
    for (const char* own : {"a", "b", "c", "d"})
      std::ofstream{folder / own += ".cc"} << unit_of(own);
    const std::string build = "cd " + folder.string() + " && " + command +
                              " -shared -fPIC -o subject a.cc b.cc c.cc d.cc && dwz subject";
    ASSERT_EQ(std::system(build.c_str()), 0);
    const auto image = subject.image();
    ASSERT_TRUE(image);
    int told = 0;
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const types::TypeRecord* const type = image->type(site.type);
      if (type == nullptr || !std::string_view(image->text(site.function)).starts_with("fill_"))
        continue;
      EXPECT_NE(std::string_view(image->text(type->name)).find("two"), std::string_view::npos)
          << image->text(type->name);
      ++told;
    }
    EXPECT_GE(told, 4);
  }
}

TEST(AllocatorCode, MembersOfAContainerConfirmItsOwnAllocator) {
  EXPECT_TRUE(has_allocator_of("one", "std::vector<one, std::allocator<one> >::push_back"));
  EXPECT_TRUE(has_allocator_of("one", "std::vector<one, std::allocator<one>>::push_back<two>"));
  EXPECT_TRUE(has_allocator_of("std::vector<one, std::allocator<one> >",
                               "std::deque<std::vector<one, std::allocator<one> >, "
                               "std::allocator<std::vector<one, std::allocator<one> > > >::clear"));
  EXPECT_FALSE(has_allocator_of("one",
                                "std::deque<std::vector<one, std::allocator<one> >, "
                                "std::allocator<std::vector<one, std::allocator<one> > > >::clear"))
      << "of an element's";
  EXPECT_FALSE(has_allocator_of(
      "one", "std::vector<two, std::allocator<two> >::assign<std::allocator<one> >"));
  EXPECT_FALSE(has_allocator_of("one", "std::vector<ones, std::allocator<ones> >::push_back"));
  EXPECT_FALSE(has_allocator_of("one", "mine::vector<one, std::allocator<one> >::push_back"));
  EXPECT_FALSE(has_allocator_of("", "std::vector<, std::allocator<> >::push_back"));
}

TEST(AllocatorCode, OnlyStandardAllocatorsAreBelieved) {
  EXPECT_TRUE(is_standard_allocate("std::__new_allocator<int>::allocate"));
  EXPECT_TRUE(is_standard_allocate("std::allocator<std::pair<int, char> >::allocate"));
  EXPECT_TRUE(is_standard_allocate("std::__1::allocator::allocate"));
  EXPECT_FALSE(is_standard_allocate("std::allocator<int>::deallocate"));
  EXPECT_FALSE(is_standard_allocate("std::allocator_traits<std::allocator<int> >::allocate"));
  EXPECT_FALSE(is_standard_allocate("mine::allocator<int>::allocate"));
}

}  // namespace
}  // namespace allocs::meta
