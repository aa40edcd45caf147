// SPDX-License-Identifier: Apache-2.0
// The C++ subject of the audit: classes with bases, templates, namespaces, references, new-expressions, members of containers,
// frames that exceptions and destructors pass.
#include <pthread.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "audit.h"

// ---- types ----

namespace shapes {

enum class Colour : unsigned char { red, green };

struct Point {
  int x;
  int y;
};
#define PARTS_Point(o) PART(o.x, int) PART(o.y, int)

class Base {
 public:
  virtual ~Base() = default;
  virtual int sides() const { return 0; }
  int base_id = 1;
};

class Other {
 public:
  virtual ~Other() = default;
  long other_id = 2;
};

class Derived : public Base, public Other {
 public:
  int sides() const override { return 4; }
  Point corner{1, 2};
  Colour colour = Colour::green;
  int turn(int by, Point around);
};
#define PARTS_Derived(o)                             \
  PART_OF_KIND("inherited member", o.base_id, int)   \
  PART_OF_KIND("inherited member", o.other_id, long) \
  PART(o.corner, shapes::Point)                      \
  PARTS_Point(o.corner) PART(o.colour, shapes::Colour)

template <typename T, int N>
struct Row {
  T first;
  T cells[N];
  static int made;
};
template <typename T, int N>
int Row<T, N>::made = 3;
#define PARTS_Row(o, T, N) \
  PART(o.first, T)         \
  PART(o.cells, T[N])      \
  ELEMENT(o.cells[0], T)   \
  ELEMENT(o.cells[N - 1], T)
#define PARTS_RowInt3(o) \
  PART(o.first, int) PART(o.cells, int[3]) ELEMENT(o.cells[0], int) ELEMENT(o.cells[2], int)
#define PARTS_RowPoint2(o)                                                                \
  PART(o.first, shapes::Point)                                                            \
  PARTS_Point(o.first) PART(o.cells, shapes::Point[2]) ELEMENT(o.cells[1], shapes::Point) \
      PARTS_Point(o.cells[1])

struct Counted {  // an array of these has a cookie in front
  int value = 1;
  ~Counted() { value = 0; }
};

struct Pointers {
  int Point::*member;
  int (Derived::*method)(int, Point);
  Point& reference;
  Point&& rvalue;
};

}  // namespace shapes

using shapes::Base;
using shapes::Colour;
using shapes::Counted;
using shapes::Derived;
using shapes::Point;

#define EACH_TYPE(X)                                           \
  X(b, bool, NO_PARTS)                                         \
  X(c, char, NO_PARTS)                                         \
  X(w, wchar_t, NO_PARTS)                                      \
  X(c16, char16_t, NO_PARTS)                                   \
  X(i, int, NO_PARTS)                                          \
  X(ul, unsigned long, NO_PARTS)                               \
  X(ll, long long, NO_PARTS)                                   \
  X(zd, _Complex double, NO_PARTS)                             \
  X(zf, _Complex float, NO_PARTS)                              \
  X(d, double, NO_PARTS)                                       \
  X(e, shapes::Colour, NO_PARTS)                               \
  X(pc, char*, NO_PARTS)                                       \
  X(pp, shapes::Point*, NO_PARTS)                              \
  X(pb, shapes::Base*, NO_PARTS)                               \
  X(pm, int shapes::Point::*, NO_PARTS)                        \
  X(pf, int (*)(shapes::Point&), NO_PARTS)                     \
  X(point, shapes::Point, PARTS_Point)                         \
  X(derived, shapes::Derived, PARTS_Derived)                   \
  X(row, shapes::Row<int COMMA 3>, PARTS_RowInt3)              \
  X(rows, shapes::Row<shapes::Point COMMA 2>, PARTS_RowPoint2) \
  X(array, int[3][2], NO_PARTS)                                \
  X(points, shapes::Point[4], NO_PARTS)
#define COMMA ,

// ---- statics ----

namespace kept {
#define DEFINE(tag, type, parts) \
  __typeof__(type) g_##tag;      \
  thread_local __typeof__(type) t_##tag;
EACH_TYPE(DEFINE)
#undef DEFINE
inline int g_inline = 5;
const std::array<int, 4> g_std_array = {1, 2, 3, 4};
struct Holder {
  static Point shared;
};
Point Holder::shared = {3, 4};
}  // namespace kept

namespace {
#define DEFINE(tag, type, parts) __typeof__(type) s_##tag;
EACH_TYPE(DEFINE)
#undef DEFINE
}  // namespace

// `type` may hold a COMMA, which this expands before OBJECT sees it.
#define NOTE_OBJECT(kind, allocator, expression, parts, ...)                    \
  do {                                                                          \
    SAME_TYPE(expression, __typeof__(__VA_ARGS__));                             \
    note_object(kind, allocator, FUNCTION_NAME, #expression, TEXT(__VA_ARGS__), \
                (const void*)&(expression), sizeof(expression));                \
    CLASSIFY(expression)                                                        \
    parts(expression)                                                           \
  } while (0);
#define TEXT(...) TEXT_(__VA_ARGS__)
#define TEXT_(...) #__VA_ARGS__

static void note_statics() {
#define NOTE(tag, type, parts) NOTE_OBJECT("global", "static", kept::g_##tag, parts, type)
  EACH_TYPE(NOTE)
#undef NOTE
#define NOTE(tag, type, parts) NOTE_OBJECT("static", "static", s_##tag, parts, type)
  EACH_TYPE(NOTE)
#undef NOTE
  OBJECT("global", "static", kept::g_inline, int, NO_PARTS)
  OBJECT("static member", "static", kept::Holder::shared, shapes::Point, PARTS_Point)
  note_object("static member", "static", "", "shapes::Row<int, 3>::made", "int",
              &shapes::Row<int, 3>::made, sizeof(int));
  static Derived in_function;
  OBJECT("function static", "static", in_function, shapes::Derived, PARTS_Derived)
}

static void note_thread_locals(const char* kind) {
#define NOTE(tag, type, parts) NOTE_OBJECT(kind, "tls-symbol", kept::t_##tag, parts, type)
  EACH_TYPE(NOTE)
#undef NOTE
}

// ---- the heap ----

#define POINT(p) PART(p->x, int) PART(p->y, int)
#define POINTS(p) \
  ELEMENT(p[0], shapes::Point) PARTS_Point(p[0]) ELEMENT(p[2], shapes::Point) PARTS_Point(p[2])

template <typename T>
static T* as(T* p) {
  return p;
}

static void note_heap() {
  volatile std::size_t n = 6;
  auto* a = new Point{1, 2};
  BLOCK("heap type, new", a, shapes::Point, sizeof(Point), 1, POINT)
  auto* b = new Point[n];
  BLOCK("heap type, new", b, shapes::Point, n * sizeof(Point), n, POINTS)
  auto* c = new Derived;
  BLOCK("heap type, new", c, shapes::Derived, sizeof(Derived), 1, NO_PARTS)
  PART(c->corner, shapes::Point)
  PART(c->corner.y, int)
  Base* d = new Derived;
  note_block("heap type, new", __func__, "", "shapes::Derived", d, sizeof(Derived), 1);
  auto* e = new int(3);
  BLOCK("heap type, new", e, int, sizeof(int), 1, NO_PARTS)
  auto* f = new double[30];
  BLOCK("heap type, new", f, double, 30 * sizeof(double), 30, NO_PARTS)
  auto* g = new shapes::Row<int, 3>();
  note_block("heap type, new", __func__, "g", "shapes::Row<int, 3>", g, sizeof(*g), 1);
  auto* h = new (std::nothrow) Point;
  BLOCK("heap type, new", h, shapes::Point, sizeof(Point), 1, POINT)
  auto* i = new Point*[n];
  BLOCK("heap type, new", i, shapes::Point*, n * sizeof(Point*), n, NO_PARTS)
  struct alignas(64) Wide {
    int v[16];
  };
  auto* k = new Wide;
  note_block("heap type, new", __func__, "k", "note_heap::Wide", k, sizeof(Wide), 1);
  auto* m = new Counted[n];
  note_block("heap bounds only", __func__, "m", "void",
             reinterpret_cast<char*>(m) - sizeof(std::size_t),
             sizeof(std::size_t) + n * sizeof(Counted), 0);
  auto* o = static_cast<Point*>(std::malloc(n * sizeof(Point)));
  BLOCK("heap type", o, shapes::Point, n * sizeof(Point), n, POINTS)
  static auto held = std::make_unique<Point>();
  note_block("heap type, make_unique", __func__, "held", "shapes::Point", held.get(), sizeof(Point),
             1);
  static std::vector<Point> vector(5);
  note_block("heap type, container", __func__, "vector", "shapes::Point", vector.data(),
             5 * sizeof(Point), 5);
  static std::string text(100, 'x');
  note_block("heap type, container", __func__, "text", "char", text.data(), text.capacity() + 1,
             text.capacity() + 1);
}

// ---- frames ----

#define NOINLINE __attribute__((noinline))
#define NOTE_LOCAL(tag, type, parts) \
  __typeof__(type) l_##tag{};        \
  NOTE_OBJECT("local", "stackframe", l_##tag, parts, type)

NOINLINE static int deepest(int depth) {
  Point end{depth, 0};
  OBJECT("local", "stackframe", end, shapes::Point, PARTS_Point)
  ask_everything();
  return end.x;
}

struct Guard {
  int* watched;
  ~Guard() { *watched += 1; }
};

NOINLINE static int guarded(int n) {
  int watched = n;
  Guard guard{&watched};
  OBJECT("local", "stackframe", watched, int, NO_PARTS)
  OBJECT("local", "stackframe", guard, Guard, NO_PARTS)
  try {
    if (n == 1000) throw n;
    return deepest(n) + watched;
  } catch (int thrown) {
    return thrown;
  }
}

template <typename T>
NOINLINE static int templated(T value, T* where) {
  T copies[2] = {value, *where};
  note_object("local", "stackframe", "templated<shapes::Point>", "copies", "shapes::Point[2]",
              copies, sizeof(copies));
  note_object("formal", "stackframe", "templated<shapes::Point>", "value", "shapes::Point", &value,
              sizeof(value));
  CLASSIFY(value)
  return guarded(copies[1].x);
}

NOINLINE static int by_reference(Point& reference, const Point& other, Point&& rvalue) {
  Point local = {reference.x, other.y};
  OBJECT("local", "stackframe", local, shapes::Point, PARTS_Point)
  return templated<Point>(local, &reference) + rvalue.x;
}

#undef FUNCTION_NAME
#define FUNCTION_NAME "shapes::Derived::turn"
NOINLINE int Derived::turn(int by, Point around) {
  Derived copy = *this;
  OBJECT("local", "stackframe", copy, shapes::Derived, PARTS_Derived)
  OBJECT("formal", "stackframe", by, int, NO_PARTS)
  OBJECT("formal", "stackframe", around, shapes::Point, PARTS_Point)
  Point other{5, 6};
  return by_reference(copy.corner, other, Point{7, 8}) + around.x;
}
#undef FUNCTION_NAME
#define FUNCTION_NAME __func__

namespace shapes {
#undef FUNCTION_NAME
#define FUNCTION_NAME "shapes::overloaded"
NOINLINE int overloaded(int n) {
  int here[3] = {n};
  OBJECT("local", "stackframe", here, int[3], NO_PARTS)
  Derived object;
  OBJECT("local", "stackframe", object, shapes::Derived, PARTS_Derived)
  return object.turn(here[0], Point{1, 2});
}
NOINLINE int overloaded(double n) {
  double here[2] = {n};
  OBJECT("local", "stackframe", here, double[2], NO_PARTS)
  return overloaded(static_cast<int>(here[0]));
}
#undef FUNCTION_NAME
#define FUNCTION_NAME __func__
}  // namespace shapes

namespace {
#undef FUNCTION_NAME
#define FUNCTION_NAME "(anonymous namespace)::hidden"
NOINLINE int hidden(int n) {
  EACH_TYPE(NOTE_LOCAL)
  return shapes::overloaded(static_cast<double>(n)) + l_i;
}
#undef FUNCTION_NAME
#define FUNCTION_NAME __func__
}  // namespace

// ---- functions, literals, threads ----

#define FUNCTION(f, ...)                                   \
  static_assert(std::is_same_v<decltype(f), __VA_ARGS__>); \
  note_object("function", "static", "", #f, TEXT(__VA_ARGS__), (const void*)&f, 1);
int main(int argc, char** argv);

static int free_function(Point& p, const Point* q, unsigned long n) {
  return p.x + q->y + static_cast<int>(n);
}

static void note_functions() {
  FUNCTION(free_function, int(shapes::Point&, const shapes::Point*, unsigned long))
  FUNCTION(hidden, int(int))
  FUNCTION(note_heap, void())
  note_object("function", "static", "", "main", "int(int,char**)",
              __extension__(const void*) & main, 1);
  LITERAL("a text of the C++ subject")
  LITERAL("another")
}

static pthread_barrier_t noted;
static pthread_mutex_t finish = PTHREAD_MUTEX_INITIALIZER;

NOINLINE static int wait_in_thread(Point at) {
  OBJECT("formal of another thread", "stackframe", at, shapes::Point, PARTS_Point)
  Derived derived;
  OBJECT("local of another thread", "stackframe", derived, shapes::Derived, PARTS_Derived)
  note_thread_locals("thread-local of another thread");
  pthread_barrier_wait(&noted);
  pthread_mutex_lock(&finish);
  pthread_mutex_unlock(&finish);
  return derived.corner.x + at.x;
}

static void* other_thread(void* argument) {
  Point of_thread{1, 2};
  OBJECT("local of another thread", "stackframe", of_thread, shapes::Point, PARTS_Point)
  return wait_in_thread(of_thread) == 0 ? nullptr : argument;
}

int main(int argc, char**) {
  pthread_t thread;
  pthread_mutex_lock(&finish);
  pthread_barrier_init(&noted, nullptr, 2);
  pthread_create(&thread, nullptr, other_thread, nullptr);
  pthread_barrier_wait(&noted);
  note_thread_locals("thread-local");
  note_statics();
  note_heap();
  note_functions();
  auto lambda = [captured = argc](int n) { return hidden(n + captured); };
  note_object("local", "stackframe", "main", "lambda", "", &lambda, sizeof(lambda));
  CLASSIFY(lambda)
  const int result = lambda(1);
  pthread_mutex_unlock(&finish);
  pthread_join(thread, nullptr);
  return result == -1;
}
