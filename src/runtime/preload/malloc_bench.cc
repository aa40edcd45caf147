// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

// What a pair of malloc and free costs under the preload library, against plain glibc in the same run: the two take turns
// in short rounds, and the median of the rounds' ratios is printed. Run with LD_PRELOAD=liballocs_preload.so.

extern "C" void* __libc_malloc(std::size_t);
extern "C" void __libc_free(void*);

namespace {

struct Pair {
  void* (*allocate)(std::size_t);
  void (*release)(void*);
};
Pair hooked{malloc, free};
Pair plain{__libc_malloc, __libc_free};

double cpu_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One block of one size, again and again.
struct Hot {
  std::size_t size;
  void run(Pair pair, long count) {
    for (long i = 0; i < count; ++i) {
      void* block = pair.allocate(size);
      asm volatile("" : "+r"(block) : : "memory");
      pair.release(block);
    }
  }
};

// A large block that is used, too.
struct Written {
  std::size_t size;
  void run(Pair pair, long count) {
    for (long i = 0; i < count; ++i) {
      auto* const block = static_cast<volatile char*>(pair.allocate(size));
      for (std::size_t at = 0; at < size; at += 64) block[at] = 1;
      pair.release(const_cast<char*>(block));
    }
  }
};

// 2048 live blocks of 16 to 271 bytes; the oldest goes.
struct Ring {
  std::vector<void*> live = std::vector<void*>(2048);
  std::size_t at = 0;
  unsigned seed = 1;
  void run(Pair pair, long count) {
    for (long i = 0; i < count; ++i) {
      seed = seed * 1103515245 + 12345;
      pair.release(live[at]);
      live[at] = pair.allocate(16 + (seed >> 16) % 256);
      at = (at + 1) % live.size();
    }
  }
  void empty(Pair pair) {
    for (void*& block : live) {
      pair.release(block);
      block = nullptr;
    }
  }
};

struct Result {
  double plain, hooked, ratio;
};

Result median(std::vector<Result> results) {
  std::sort(results.begin(), results.end(),
            [](const Result& a, const Result& b) { return a.ratio < b.ratio; });
  return results[results.size() / 2];
}

template <typename Load>
Result compare(Load load, long count, int rounds) {
  std::vector<Result> results;
  for (int round = 0; round < rounds; ++round) {
    double times[2];
    for (int turn = 0; turn < 2; ++turn) {
      const bool is_hooked = (turn + round) % 2 == 0;
      const Pair pair = is_hooked ? hooked : plain;
      if constexpr (requires { load.empty(pair); }) load.run(pair, 4096);
      const double begin = cpu_nanoseconds();
      load.run(pair, count);
      times[is_hooked] = (cpu_nanoseconds() - begin) / static_cast<double>(count);
      if constexpr (requires { load.empty(pair); }) load.empty(pair);
    }
    results.push_back({times[0], times[1], times[1] / times[0]});
  }
  return median(std::move(results));
}

template <typename Load>
void report(const char* name, Load load, long count, int rounds, unsigned threads) {
  std::vector<Result> results(threads);
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { results[i] = compare(load, count, rounds); });
  }
  for (auto& thread : running) thread.join();
  const Result result = median(results);
  std::printf("%-28s %u thread%s  plain %8.2f ns  hooked %8.2f ns  ratio %.3f\n", name, threads,
              threads == 1 ? " " : "s", result.plain, result.hooked, result.ratio);
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_smoke = argc > 1 && std::strcmp(argv[1], "--smoke") == 0;
  const long count = is_smoke ? 10000 : 1000000;
  const int rounds = is_smoke ? 3 : 41;
  for (unsigned threads : {1u, 2u}) {
    report("pair of 24 bytes", Hot{24}, count, rounds, threads);
    report("pair of 100 bytes", Hot{100}, count, rounds, threads);
    report("pair of 600 bytes", Hot{600}, count, rounds, threads);
    report("pair of 4096 bytes", Hot{4096}, count, rounds, threads);
    report("pair of 64 KiB", Hot{65536}, count, rounds, threads);
    report("pair of 256 KiB", Hot{262144}, count, rounds, threads);
    report("pair of 1 MiB", Hot{1048576}, count, rounds, threads);
    report("256 KiB, each line written", Written{262144}, count / 1000, rounds, threads);
    report("1 MiB, each line written", Written{1048576}, count / 1000, rounds, threads);
    report("ring of 2048 live", Ring{}, count, rounds, threads);
  }
}
