// SPDX-License-Identifier: Apache-2.0
// main() of the micro-benchmarks: Google Benchmark, plus `--smoke`, which runs every one just long enough to prove that it runs.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

int main(int argc, char** argv) {
  char shortest[] = "--benchmark_min_time=0.001";
  std::vector<char*> arguments(argv, argv + argc);
  for (char*& argument : arguments) {
    if (std::strcmp(argument, "--smoke") == 0) argument = shortest;
  }
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
