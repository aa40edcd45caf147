// SPDX-License-Identifier: Apache-2.0
// main() of a fuzzer outside the fuzz preset: runs it over its corpus and over a few generated inputs, so that every
// find stays a test under every compiler.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

void run(const std::vector<char>& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

int run_files_below(const char* root) {
  int count = 0;
  std::error_code absent;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, absent)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    run({std::istreambuf_iterator<char>(file), {}});
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

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) files += run_files_below(argv[i]);
  const int generated = run_generated();
  std::printf("%d files of the corpus, %d generated inputs\n", files, generated);
  return 0;
}
