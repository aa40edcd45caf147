// SPDX-License-Identifier: Apache-2.0
#include "meta/heap_of_build.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace allocs::meta {
namespace {

constexpr std::size_t kPage = 4096;

// The exit status of `function`, called in a child, whose heap is then its own affair.
template <typename Function>
int in_child(Function function) {
  const pid_t child = fork();
  if (child == 0) _exit(function());
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return !text.empty() && text.find("[never]") == std::string::npos;
}

long faults_so_far() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Blocks of 100 kB, 60 MB in all, each page written to.
long faults_of_sixty_megabytes() {
  const long before = faults_so_far();
  for (int i = 0; i < 600; ++i) {
    constexpr std::size_t kSize = 100000;
    volatile char* const block = static_cast<char*>(std::malloc(kSize));
    for (std::size_t at = 0; at < kSize; at += kPage) block[at] = 1;
  }
  return faults_so_far() - before;
}

TEST(HeapOfBuild, GrowsByHugePages) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has an allocator of its own";
#endif
  if (!has_huge_pages()) GTEST_SKIP() << "the kernel gives none";
  if (in_child([] { return faults_of_sixty_megabytes() > 10000 ? 0 : 1; }) != 0)
    GTEST_SKIP() << "pages are large without it";
  EXPECT_EQ(in_child([] {
              prepare_heap_of_build();
              return faults_of_sixty_megabytes() < 1000 ? 0 : 1;
            }),
            0);
}

// Of RLIMIT_AS what is there is looked at before; RLIMIT_DATA is met on the way.
class HeapOfBuildUnder : public testing::TestWithParam<int> {};
TEST_P(HeapOfBuildUnder, ServesWhereThereIsNoRoomForMore) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer needs terabytes of addresses";
#endif
  EXPECT_EQ(in_child([&] {
              constexpr std::size_t kLeft = std::size_t{64} << 20;
              std::size_t pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              const rlimit limit{pages * kPage + kLeft, RLIM_INFINITY};
              setrlimit(static_cast<__rlimit_resource>(GetParam()), &limit);
              prepare_heap_of_build();
              int missing = 0;
              for (int i = 0; i < 320; ++i) missing += std::malloc(100000) == nullptr;
              return missing == 0 ? 0 : 1;
            }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Limits, HeapOfBuildUnder, testing::Values(RLIMIT_AS, RLIMIT_DATA));

}  // namespace
}  // namespace allocs::meta
