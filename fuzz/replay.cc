// SPDX-License-Identifier: Apache-2.0
// main() of a fuzzer outside the fuzz preset: runs it over its corpus and over a few generated inputs, so that every
// find stays a test under every compiler. If it has a mutator of its own, over each file of the corpus with some damage, too.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "base/fuzz_mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size,
                                                             std::size_t most, unsigned seed);

namespace {

std::minstd_rand g_random(1);

void run(const std::vector<char>& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

// One damage on top of the other, so that there are ever more.
void run_damaged(std::vector<char> input) {
  constexpr int kDamages = 60;
  for (int i = 0; i < kDamages; ++i) {
    LLVMFuzzerCustomMutator(reinterpret_cast<std::uint8_t*>(input.data()), input.size(),
                            input.size(), static_cast<unsigned>(g_random()));
    run(input);
  }
}

int run_files_below(const char* root) {
  int count = 0;
  std::error_code absent;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, absent)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> input{std::istreambuf_iterator<char>(file), {}};
    run(input);
    if (LLVMFuzzerCustomMutator != nullptr) run_damaged(input);
    ++count;
  }
  return count;
}

int run_generated() {
  constexpr int kInputs = 2000;
  std::mt19937 random(1);
  for (int i = 0; i < kInputs; ++i) {
    std::vector<char> input(random() % 300);
    for (char& byte : input) byte = static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    run(input);
  }
  return kInputs;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t size, std::size_t most) {
  (void)most;
  if (size == 0) return size;
  std::uint8_t& byte = bytes[g_random() % size];
  const auto value = g_random();
  switch (value % 4) {
    case 0:
      byte ^= static_cast<std::uint8_t>(1u << value / 4 % 8);
      break;
    case 1:
      byte = static_cast<std::uint8_t>(value / 4);
      break;
    case 2:
      byte = value / 4 % 2 == 0 ? 0 : 0xff;
      break;
    default:
      byte = bytes[g_random() % size];
  }
  return size;
}

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) files += run_files_below(argv[i]);
  const int generated = run_generated();
  std::printf("%d files of the corpus, %d generated inputs\n", files, generated);
  return 0;
}
