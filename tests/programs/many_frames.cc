// SPDX-License-Identifier: Apache-2.0
// Threads that are always somewhere else, for comparing stacks with a debugger: recursion with arrays of variable length, callbacks through the
// C library, exceptions, virtual calls, large and small frames, formatting, locks and sleeps.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <alloca.h>
#include <unistd.h>

struct Point {
  long x, y;
};
struct Shape {
  virtual ~Shape() = default;
  virtual long area(int depth) = 0;
};
static std::mutex g_lock;
static volatile long g_sum;
[[gnu::noinline]] static long recurse(int depth, unsigned seed);

struct Square : Shape {
  Point corner{1, 2};
  long area(int depth) override {
    Point other{corner.y, depth};
    g_sum = g_sum + other.x;
    return recurse(depth - 1, static_cast<unsigned>(other.y) * 7919u) + other.x;
  }
};
static int compare(const void* a, const void* b) {
  const int first = *static_cast<const int*>(a), second = *static_cast<const int*>(b);
  g_sum = g_sum + first;
  return first - second;
}
[[gnu::noinline]] static long thrower(int depth, unsigned seed) {
  char text[200];
  snprintf(text, sizeof text, "%d %.10f", depth, std::sqrt(seed));
  if (depth % 3 == 0) throw Point{depth, static_cast<long>(strlen(text))};
  return recurse(depth - 1, seed + 1) + text[3];
}
static long recurse(int depth, unsigned seed) {
  if (depth <= 0) {
    const std::lock_guard<std::mutex> hold(g_lock);
    return g_sum;
  }
  seed = seed * 1664525 + 1013904223;
  switch (seed >> 28) {
    case 0:
    case 1: {
      int numbers[40];
      for (int i = 0; i < 40; ++i) numbers[i] = static_cast<int>(seed >> (i % 20));
      qsort(numbers, 40, sizeof(int), compare);
      return recurse(depth - 1, seed) + numbers[3];
    }
    case 2:
    case 3: {
      char* room = static_cast<char*>(alloca(16 + (seed >> 8) % 3000));
      room[0] = static_cast<char>(seed);
      const long inner = recurse(depth - 1, seed);
      return inner + room[0];
    }
    case 4:
    case 5:
      try {
        return thrower(depth, seed);
      } catch (const Point& point) {
        return recurse(depth - 1, seed) + point.y;
      }
    case 6:
    case 7: {
      std::map<std::string, Point> points;
      for (unsigned i = 0; i < 10; ++i)
        points[std::to_string(seed + i)] = Point{static_cast<long>(i), 1};
      return recurse(depth - 1, seed) + static_cast<long>(points.size());
    }
    case 8: {
      Square square;
      Shape* shape = &square;
      return shape->area(depth);
    }
    case 9:
      usleep(20);
      [[fallthrough]];
    default: {
      volatile char large[5000];
      large[seed % 5000] = 1;
      Point here{depth, static_cast<long>(seed)};
      std::vector<long> values{here.x, here.y, 3};
      std::sort(values.begin(), values.end(),
                [&](long a, long b) { return a + here.x < b + here.x; });
      return recurse(depth - 1, seed) + values[0] + large[7];
    }
  }
}
int main() {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 8; ++i)
    threads.emplace_back([i] {
      for (unsigned round = i;; ++round)
        g_sum = recurse(10 + static_cast<int>(round % 60), round * 2654435761u);
    });
  puts("ready");
  fflush(stdout);
  for (std::thread& thread : threads) thread.join();
}
