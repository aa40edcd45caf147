// SPDX-License-Identifier: Apache-2.0
#include "runt/start_of_stack.h"

#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <vector>

#include "base/memory.h"

namespace allocs::runt {
namespace {

constexpr std::uint64_t kBase = 0x7ffc00001000;
constexpr std::uint64_t kText = 0x7ffc00002000;

// `before` the auxiliary vector, at kBase; behind it three words, then AT_RANDOM's bytes.
std::optional<std::uint64_t> start_of(std::vector<std::uint64_t> words) {
  const std::uint64_t bytes = kBase + (words.size() + 6 + 3) * 8;
  for (const std::uint64_t word :
       {std::uint64_t{AT_PAGESZ}, std::uint64_t{4096}, std::uint64_t{AT_RANDOM}, bytes,
        std::uint64_t{AT_NULL}, std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2},
        std::uint64_t{3}, std::uint64_t{4}, std::uint64_t{5}})
    words.push_back(word);
  const SpanMemory memory(Address{kBase}, reinterpret_cast<const std::byte*>(words.data()),
                          words.size() * 8);
  AuxiliaryVector vector;
  vector.random_bytes = Address{bytes};
  const auto found = find_start_of_stack(memory, vector);
  return found ? std::optional{(raw(*found) - kBase) / 8} : std::nullopt;
}

TEST(StartOfStack, IsBelowTheArguments) {
  EXPECT_EQ(start_of({0, 0, 2, kText, kText + 8, 0, kText + 16, kText + 20, 0}), 2u);
}
TEST(StartOfStack, IsFoundWithoutAnEnvironment) { EXPECT_EQ(start_of({0, 0, 1, kText, 0, 0}), 2u); }
TEST(StartOfStack, IsFoundWhereTheProgramTookSomethingAway) {
  EXPECT_EQ(start_of({0, 0, 2, kText, 0, 0, kText + 16, 0, 0}), 2u);  // argv[1], a variable
}
TEST(StartOfStack, IsNotMadeUp) {
  EXPECT_FALSE(start_of({0, 0, 3, kText, kText + 8, 0, kText + 16, 0}));  // the third is missing
  EXPECT_FALSE(start_of({0, 0, 9, kText, 0, 0}));
  EXPECT_FALSE(start_of({kText, kText, kText, 0, kText, 0}));  // it is beyond what can be read
}
TEST(StartOfStack, IsThatOfThisProcess) {
  AuxiliaryVector vector;
  vector.random_bytes = Address{getauxval(AT_RANDOM)};
  const auto found = find_start_of_stack(TrustedMemory{}, vector);
  ASSERT_TRUE(found);
  const auto vectors = read_stack_vectors(TrustedMemory{}, *found);
  ASSERT_TRUE(vectors);
  EXPECT_EQ(vectors->envp, address_of(environ));
}

}  // namespace
}  // namespace allocs::runt
