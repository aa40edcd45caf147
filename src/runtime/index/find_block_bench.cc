// SPDX-License-Identifier: Apache-2.0
#include "runtime/index/find_block.h"

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <memory>
#include <random>
#include <vector>

#include "runtime/index/heap_shadow.h"

// What one question costs in the process itself. The blocks need not exist: only the shadow is touched.
namespace allocs::index {
namespace {

void* reserve(std::size_t size) {
  return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
              -1, 0);
}
struct Directory {
  std::uint64_t* words = static_cast<std::uint64_t*>(reserve(kRegionCount * sizeof(std::uint64_t)));
  std::uint64_t operator()(std::uint64_t region) const {
    return words[region] = biased(raw(address_of(reserve(leaf_size(kCoarse)))), region, kCoarse);
  }
};

struct Heap {
  Root root{};
  Directory directory{};
  std::vector<std::uint64_t> starts;

  Heap(std::uint64_t size, std::size_t count) {
    root.directory = address_of(directory.words);
    const ShadowWriter<kCoarse, Directory> writer(directory.words, root, directory);
    std::uint64_t at = 0x7f0000000010;
    for (std::size_t i = 0; i < count; ++i, at += (size + 23) & ~15ul) {
      writer.insert(at, size, 7 << kSiteShift);
      starts.push_back(at);
    }
  }
};

// range(0): size of the blocks; range(1): how many; asks for the middle of each in a random order.
void interior(benchmark::State& state) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  const auto heap = std::make_unique<Heap>(size, static_cast<std::size_t>(state.range(1)));
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> questions;
  constexpr std::size_t kQuestions = 4096;
  for (std::size_t i = 0; i < kQuestions; ++i)
    questions.push_back(heap->starts[random() % heap->starts.size()] + size / 2);
  std::size_t i = 0;
  for (auto _ : state) {
    auto block = find_block(TrustedMemory{}, heap->root, Address{questions[i++ % kQuestions]});
    benchmark::DoNotOptimize(block);
  }
}
BENCHMARK(interior)
    ->ArgNames({"size", "blocks"})
    ->Args({24, 1})
    ->Args({100, 1})
    ->Args({1000, 1})
    ->Args({100000, 1})
    ->Args({1 << 30, 1})
    ->Args({100, 1000000})
    ->Args({5000, 100000});

void nothing_there(benchmark::State& state) {
  const auto heap = std::make_unique<Heap>(100, 1);
  for (auto _ : state) {
    auto block = find_block(TrustedMemory{}, heap->root, Address{0x7ffc00001000});
    benchmark::DoNotOptimize(block);
  }
}
BENCHMARK(nothing_there);

}  // namespace
}  // namespace allocs::index
