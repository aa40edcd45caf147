// SPDX-License-Identifier: Apache-2.0
// Shapes of types that C++ has: see every_type.c.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace outer {
namespace {
struct hidden {
  int a;
};
}  // namespace
inline namespace version {
struct versioned {
  hidden h;
};
}  // namespace version
enum class scoped : std::uint16_t { none, most = 0xffff };
enum struct negative : signed char { low = -128 };
struct base {
  int of_base;
  virtual ~base() = default;
  virtual int method(int) const { return of_base; }
};
struct second {
  char of_second;
};
struct empty {};
struct derived : base, private second, empty {
  short of_derived;
  static int shared;
  static constexpr int constant = 4;
  int method(int x) const override { return x; }
};
int derived::shared = 3;
struct left : virtual base {
  int of_left;
};
struct right : virtual base {
  int of_right;
};
struct diamond final : left, right {
  long of_diamond;
  diamond() : of_diamond(1) {}
  ~diamond() { shared--; }
  static int shared;
};
int diamond::shared;
struct fields {
  int a : 5;
  scoped b : 9;
  bool c : 1;
  unsigned long d : 50;
  const volatile int e : 3;
};
template <typename T, int N>
struct box {
  T items[N];
  box* next;
  struct inner {
    T* of_inner;
  } nested;
  using alias = T;
  enum { size = N };
  template <typename U>
  U convert(U u) {
    struct local {
      T t;
      U u;
    } made{items[0], u};
    return made.u;
  }
};
struct pointers {
  int base::*member;
  int (base::*method)(int) const;
  base& reference;
  base&& rvalue;
  std::nullptr_t null;
  void (*function)(box<char, 2>&&);
  int (&array)[3];
  char8_t c8;
  char16_t c16;
  wchar_t w;
};
union choice {
  int a;
  box<short, 3> b;
  choice() : a(0) {}
};
struct anonymous {
  union {
    int a;
    struct {
      char b, c;
    };
  };
  struct {
    int d;
  } e;
  enum { one = 1 } f;
};
struct overlap {
  [[no_unique_address]] empty none;
  [[no_unique_address]] empty other;
  int a;
};
}  // namespace outer

using namespace outer;
diamond the_diamond;
derived the_derived;
versioned the_versioned;
fields the_fields{1, scoped::none, true, 2, 3};
box<derived, 2> derived_box;
box<box<const char*, 3>, 1> nested_box;
choice the_choice;
anonymous the_anonymous;
overlap the_overlap;
scoped the_scoped;
negative the_negative;
std::vector<std::string> strings;
std::map<int, std::unique_ptr<derived>> owned;
std::function<int(const diamond&)> callable;
std::variant<int, double, std::string> variant;
std::shared_ptr<base> shared_pointer;
volatile int sink;

static int overloaded(int a) {
  struct local {
    int i;
  } l{a};
  return l.i;
}
static int overloaded(double a) {
  struct local {
    double d;
  } l{a};
  return static_cast<int>(l.d);
}

int main(int argc, char** argv) {
  int array[3] = {argc, 2, 3};
  pointers all{&base::of_base, &base::method, the_derived, derived(), nullptr,
               nullptr,        array,         u8'a',       u'b',      L'c'};
  auto lambda = [&all, argc, text = std::string(argv[0])](auto x) {
    struct in_lambda {
      int n;
      decltype(x) of_argument;
    } made{argc, x};
    return made.n + static_cast<int>(made.of_argument) + all.array[0] +
           static_cast<int>(text.size());
  };
  try {
    if (argc > 5) throw derived();
  } catch (const base& caught) {
    sink = caught.of_base;
  }
  for (const auto& [key, value] : owned) sink = key + value->of_derived;
  callable = [&](const diamond& d) { return static_cast<int>(d.of_diamond) + argc; };
  derived_box.convert(2.0);
  return lambda(1) + lambda(2.0) + callable(the_diamond) + overloaded(1) + overloaded(2.0) + sink >
         100000;
}
