// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unwind.h>

#include "runt/cached_walk.h"
#include "runt/self.h"

// Time per frame of walking a stack of some 60 frames of C++ code, beside libgcc on the same stack.
namespace allocs::runt {
namespace {

constinit RuleCache g_cache;

[[gnu::constructor]] void find_loader_lookup() {
  self::set_loader_lookup(dlsym(RTLD_DEFAULT, "_dl_find_object"));
}

AddressRange own_stack() {
  pthread_attr_t attributes;
  void* base = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &base, &size);
  pthread_attr_destroy(&attributes);
  return {address_of(base), address_of(base) + size};
}

// Runs `body` under `depth` more frames.
template <typename Body>
[[gnu::noinline]] int descend(int depth, const Body& body) {
  volatile char block[48];
  block[depth & 31] = static_cast<char>(depth);
  if (depth <= 0) {
    body();
    return 1;
  }
  return descend(depth - 1, body) + block[depth & 31];
}

void report(benchmark::State& state, std::size_t frames) {
  state.counters["frames"] = static_cast<double>(frames) / static_cast<double>(state.iterations());
  state.counters["per_frame"] = benchmark::Counter(
      static_cast<double>(frames), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <typename Walk>
void under_frames(benchmark::State& state, const Walk& walk) {
  const StackMemory stack{own_stack()};
  benchmark::DoNotOptimize(descend(60, [&] {
    std::size_t frames = 0;
    for (auto _ : state) frames += walk(stack);
    report(state, frames);
  }));
}

void cached_walk(benchmark::State& state) {
  under_frames(state, [](const StackMemory& stack) {
    const TrustedMemory code;
    const self::LoaderEhFrames finder;
    const MemoryRules rules{code, finder};
    CachedWalk walk{stack, rules, g_cache, current_registers()};
    std::size_t frames = 0;
    while (walk.next()) ++frames;
    return frames;
  });
}
BENCHMARK(cached_walk);

void plain_walk(benchmark::State& state) {
  under_frames(state, [](const StackMemory& stack) {
    const TrustedMemory code;
    const self::LoaderEhFrames finder;
    const MemoryRules rules{code, finder};
    UnwindCursor cursor{.registers = current_registers()};
    std::size_t frames = 0;
    while (step(stack, rules, cursor)) ++frames;
    return frames;
  });
}
BENCHMARK(plain_walk);

void libgcc_walk(benchmark::State& state) {
  under_frames(state, [](const StackMemory&) {
    std::size_t frames = 0;
    _Unwind_Backtrace(
        [](_Unwind_Context*, void* count) {
          ++*static_cast<std::size_t*>(count);
          return _URC_NO_REASON;
        },
        &frames);
    return frames;
  });
}
BENCHMARK(libgcc_walk);

void current_registers_alone(benchmark::State& state) {
  for (auto _ : state) {
    Registers here = current_registers();
    benchmark::DoNotOptimize(here);
  }
}
BENCHMARK(current_registers_alone);

}  // namespace
}  // namespace allocs::runt
