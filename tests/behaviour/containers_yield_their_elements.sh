#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The elements of the standard library's containers, in libstdc++ and libc++, are those that the containers' own iterators tell, in their
# order, thousands of them; what is damaged or no container is told as such, and a user's rules count.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs.hpp>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <stack>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <valarray>
#include <variant>
#include <vector>

struct point { int x; double y; friend bool operator<(const point &a, const point &b) { return a.x < b.x; } };
struct wide { char c[700]; };
template <typename T> struct mine { T *from; unsigned n; };
static unsigned long right, wrong, unknown;
static void count(bool is_right, const char *what) {
  is_right ? ++right : ++wrong;
  if (!is_right) printf("wrong: %s\n", what);
}
// The element's type is told by a pointer to one of them that the debug information describes.
template <typename T> const uniqtype *type_of_what_this_points_to(T *const &) { return nullptr; }
template <typename C, typename Places> void check(const char *what, const C &c, const Places &places, size_t size) {
  const allocs::Elements elements(allocs::showing::type_at(&c, sizeof c), &c);
  if (!elements) { ++unknown; printf("unknown: %s: %s\n", what, alloc_error_message(elements.error())); return; }
  size_t n = 0;
  auto i = elements.begin();
  for (; i != allocs::End{} && n < places.size(); ++i, ++n)
    count(i->base == places[n] && i->size == size && i->index == n && uniqtype_size(i->type) == size, what);
  count(n == places.size() && i == allocs::End{} && i.error() == 0, what);
  count(elements.count() == UINT64_MAX || elements.count() == n, what);
}
template <typename C> void check(const char *what, const C &c) {
  std::vector<const void *> places;
  for (auto &e : c) places.push_back(&e);
  check(what, c, places, sizeof *c.begin());
}
#define CHECK(c) check(#c, c)
#define ONE(c, p, size) check(#c, c, std::vector<const void *>(p, p + 1), size)
#define NONE(c) check(#c, c, std::vector<const void *>(), 1)

// Each lies in static memory, so that its type is known.
static std::vector<int> ints; static std::vector<point> points; static std::vector<bool> bits; static std::vector<std::string> texts;
static std::array<point, 5> fixed; static std::array<int, 1> single;
static std::string none, brief = "brief", lengthy(100, 'x'); static std::string_view view = lengthy;
static std::deque<int> deque; static std::deque<wide> wides; static std::list<point> list; static std::list<const char *> names;
static std::forward_list<std::string> forward;
static std::map<int, point> map; static std::map<std::string, std::vector<int>> nested; static std::multimap<int, char> multi;
static std::set<point> set; static std::multiset<int> multiset;
static std::unordered_map<int, point> hashed; static std::unordered_map<std::string, int> named; static std::unordered_set<std::string> words;
static std::unordered_multiset<long> longs;
static std::stack<int> stack; static std::queue<point, std::list<point>> queue; static std::priority_queue<int> heap;
static std::unique_ptr<point> owner(new point{1, 2}), nobody; static std::shared_ptr<point> shared = std::make_shared<point>(), empty;
static std::optional<point> some = point{1, 2}, nothing; static std::variant<int, std::string, point> either[3] = {1, "two", point{3, 4}};
static std::span<point> span; static std::valarray<int> numbers(7);
static std::unique_ptr<int[]> several(new int[3]);
static mine<point> own; static point *points_of_own; static int *p;
static std::weak_ptr<point> weak, expired;
static std::array<int, 0> no_room; static std::variant<int (*)(int), int> code; static std::atomic<bool> flag;
struct asked { std::atomic<bool> is_set; char junk[15]; point *p; }; static asked not_asked;
struct packed { int n; point items[]; }; static packed *pack;
static std::shared_ptr<point> other(new point{5, 6});

int main(int argc, char **) {
  for (int round = 0; round < 40; ++round) {
    CHECK(ints); CHECK(points); CHECK(texts); CHECK(fixed); CHECK(single); CHECK(none); CHECK(brief); CHECK(lengthy); CHECK(view);
    CHECK(deque); CHECK(wides); CHECK(list); CHECK(names); CHECK(forward); CHECK(map); CHECK(nested); CHECK(multi); CHECK(set); CHECK(multiset);
    CHECK(hashed); CHECK(named); CHECK(words); CHECK(longs);
    for (int i = 0; i < 7; ++i) {
      const int n = rand() % 1000;
      ints.push_back(n), points.push_back({n, 0}), bits.push_back(n & 1), texts.push_back(std::to_string(n)), lengthy += 'y';
      deque.push_back(n), deque.push_front(n), wides.push_back({}), list.push_back({n, 1}), names.push_back("x"), forward.push_front("f");
      if (n & 2) deque.pop_front(), deque.pop_front(), wides.pop_front(), list.pop_front();
      map[n] = {n, 2}, nested[std::to_string(n)].push_back(n), multi.insert({n % 10, 'c'}), set.insert({n, 3}), multiset.insert(n % 10);
      hashed[n] = {n, 4}, named[std::to_string(n)] = n, words.insert(std::to_string(n)), longs.insert(n % 10);
      if (n & 4) map.erase(map.begin()), set.erase(set.begin()), hashed.erase(hashed.begin());
    }
    view = lengthy;
  }
  for (int i = 0; i < 20; ++i) stack.push(i), queue.push({i, 0}), heap.push(i);
  const allocs::Elements stacked(allocs::type_of(&stack), &stack), queued(allocs::type_of(&queue), &queue), heaped(allocs::type_of(&heap), &heap);
  count((*stacked.begin()).base == &stack.top() - 19 && (*queued.begin()).base == &queue.front() && (*heaped.begin()).base == &heap.top(), "adaptors");
  const void *at = owner.get(); ONE(owner, &at, sizeof(point)); NONE(nobody);
  at = shared.get(); ONE(shared, &at, sizeof(point)); NONE(empty);
  at = &*some; ONE(some, &at, sizeof(point)); NONE(nothing);
  at = &std::get<0>(either[0]); ONE(either[0], &at, sizeof(int));
  at = &std::get<1>(either[1]); ONE(either[1], &at, sizeof(std::string));
  at = &std::get<2>(either[2]); ONE(either[2], &at, sizeof(point));
  span = points; CHECK(span);
#ifdef _GLIBCXX_RELEASE
  std::vector<const void *> each; for (int &n : numbers) each.push_back(&n);
  check("numbers", numbers, each, sizeof(int));
  weak = other, expired = std::shared_ptr<point>(new point{7, 8});
  at = other.get(); ONE(weak, &at, sizeof(point)); NONE(expired);
#endif
  size_t n = 0;
  const allocs::Elements flags(allocs::type_of(&bits), &bits);
  for (const alloc_element &e : flags) count(((*static_cast<const unsigned char *>(e.base) >> e.bit & 1) != 0) == bits[n++], "bits");
  count(n == bits.size() && flags.count() == n, "bits");

  // How many, nobody knows.
  const allocs::Elements of_array(allocs::type_of(&several), &several), of_int(allocs::type_of(&argc), &argc);
  printf("array %d, int %d, null %d\n", of_array.error(), of_int.error(), alloc_begin_elements(nullptr, &ints, nullptr));
  code = +[](int i) { return i; };
  memset(not_asked.junk, 7, sizeof not_asked.junk), not_asked.p = points.data();
  int none_of[] = {allocs::Elements(allocs::type_of(&no_room), &no_room).error(), allocs::Elements(allocs::type_of(&code), &code).error(),
                   allocs::Elements(allocs::type_of(&not_asked), &not_asked).error()};
  printf("no rule %d %d %d\n", none_of[0], none_of[1], none_of[2]);
  auto *const flexible = pack = static_cast<packed *>(malloc(sizeof(packed) + 4 * sizeof(point)));
  flexible->n = 3;
  const allocs::Elements items(uniqtype_by_name("packed"), flexible);
  count(items.count() == 3 && (*items.begin()).base == flexible->items, "flexible");
  // A deque that begins between two elements.
  static std::deque<long> odd(5);
  for (size_t word = 0; word < sizeof odd / sizeof(long); ++word) {
    static char copy[sizeof odd]; memcpy(copy, &odd, sizeof odd);
    reinterpret_cast<long *>(copy)[word] += 4;
    size_t steps = 0;
    for (const alloc_element &each : allocs::Elements(allocs::type_of(&odd), copy)) { (void)each; if (++steps > 100000) break; }
    count(steps <= 100000, "a deque's end");
  }
  // Damage. That a text of three bytes is at the address 8 is not looked at.
  alloc_elements walk; alloc_element e;
  static std::list<point> ring{{1, 1}, {2, 2}, {3, 3}};
  auto *first = *reinterpret_cast<void ***>(sizeof(void *) * (sizeof ring == 24 ? 0 : 1) + reinterpret_cast<char *>(&ring));
  int steps = 0, result = alloc_begin_elements(allocs::type_of(&ring).get(), &ring, &walk);
  for (int forward = 0; forward < 2; ++forward) { void *old = first[forward]; first[forward] = first; 
    for (result = alloc_begin_elements(allocs::type_of(&ring).get(), &ring, &walk); result == 0 && (result = alloc_next_element(&walk, &e)) == 1 && ++steps < 100; result = 0) {}
    printf("%s", result == ALLOC_E_MALFORMED ? "circle " : ""); first[forward] = old; }
  const unsigned long junk[8] = {8, 3, 5, 77, 1, 2, 3, 4};
  int malformed = 0;
  for (const void *container : {(void *)&ints, (void *)&deque, (void *)&list, (void *)&map, (void *)&hashed, (void *)&lengthy}) {
    result = alloc_begin_elements(allocs::type_of(container).get(), junk, &walk);
    for (steps = 0; result == 0 && steps < 1000; ++steps) { result = alloc_next_element(&walk, &e); if (result == 0) break; if (result > 0) result = 0; }
    malformed += result == ALLOC_E_MALFORMED;
    malformed += alloc_begin_elements(allocs::type_of(container).get(), (void *)16, &walk) == ALLOC_E_MALFORMED;
  }
  printf("malformed %d\n", malformed);

  own = {new point[2]{{1, 2}, {3, 4}}, 2};
  char text[400];
  allocs::show(own).to(text, sizeof text), puts(text);
  static std::string with_nul("ab\0cd", 5);
  allocs::show(with_nul).to(text, sizeof text), puts(text);
  nested.clear(), nested["a"] = {1, 2}, nested["b"] = {};
  allocs::show(nested).to(text, sizeof text), puts(text);
  allocs::show(either).to(text, sizeof text), puts(text);
  allocs::show(nobody).to(text, sizeof text), puts(text);
  allocs::show(nothing).to(text, sizeof text), puts(text);
  bits = {true, false};
  allocs::show(bits).to(text, sizeof text), puts(text);
  ints.assign(20, 1);
  allocs::show(ints).to(text, sizeof text), puts(text);
  printf("wrong %lu, unknown %lu, %s\n", wrong, unknown, right > 20000 ? "thousands right" : "too few right");
  fprintf(stderr, "%lu right\n", right);
  return 0;
}
END
cat > rules << 'END'
container mine array from length n
container asked target p if is_set
container packed inside items length n
END
export XDG_CACHE_HOME="$PWD/cache" ALLOCS_CONFIG="$PWD/rules"
tried=0
check_with() {
  echo "$*"
  "$@" -std=c++20 -g -Wno-unused -I"$ALLOCS_PREFIX/include" -o a a.cc "$ALLOCS_PREFIX/lib/liballocs_link.a" 2> errors || fail "$(cat errors)"
  ALLOCS_META=wait preload ./a > told || fail "exit status $?"
  tr '[]' '()' < told > out  # brackets are patterns
  expect out << 'END'
array -14, int -14, null -12
no rule -14 -14 -14
circle malformed 11
({x = 1, y = 2}, {x = 3, y = 4})
"ab?x00cd"
({first = "a", second = (1, 2)}, {first = "b", second = ()})
(1, "two", {x = 3, y = 4})
null
none
(true, false)
(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ... 20 in all)
wrong 0, unknown 0, thousands right
END
  tried=1
}
for level in -O0 -O2; do
  if command -v g++ > /dev/null; then check_with g++ $level; fi
  if command -v clang++-19 > /dev/null; then
    check_with clang++-19 $level -fstandalone-debug
    echo '#include <version>' > probe.cc
    if clang++-19 -stdlib=libc++ -fsyntax-only probe.cc 2> errors; then check_with clang++-19 $level -fstandalone-debug -stdlib=libc++; fi
  fi
done
[ $tried = 1 ] || skip "neither g++ nor clang++-19 is installed"
