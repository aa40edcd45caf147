// SPDX-License-Identifier: Apache-2.0
#include "meta/call_clobbers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// What `f` changes, where `text` has functions, each at a symbol that is a function's.
std::uint16_t changed_by_f(const std::string& text) {
  const AssembledSubject subject{R"(
    .macro function name
    .globl \name
    .type \name, @function
    \name:
    .endm
  )" + text + R"(
    .globl end_of_code
    .type end_of_code, @function
    end_of_code: nop
  )"};
  const std::vector<std::uint64_t> starts = subject.starts();
  CallClobbers clobbers{subject.object(), subject.linkage(), [&](std::uint64_t pc) {
                          const auto after = std::ranges::upper_bound(starts, pc);
                          if (after == starts.begin() || after == starts.end())
                            return FunctionCode{};
                          return FunctionCode{*std::prev(after), *after, true};
                        }};
  return clobbers.changed_by(subject["f"]);
}

constexpr std::uint16_t kRax = mask_of(Register::rax);
constexpr std::uint16_t kRsi = mask_of(Register::rsi);
constexpr std::uint16_t kRcx = mask_of(Register::rcx);

TEST(CallClobbers, AreWhatTheCodeWrites) {
  EXPECT_EQ(changed_by_f("function f\n xor esi, esi\n mov rcx, rdi\n ret\n"), kRsi | kRcx);
  EXPECT_EQ(changed_by_f("function f\n mov eax, 1\n ret\n"), kRax);
}

// A function that takes this one's place at its end is called for what it returns.
TEST(CallClobbers, OfAJumpToAnotherFunctionAreThatFunctionsToo) {
  const std::string g = "function g\n mov eax, edi\n ret\n";
  EXPECT_EQ(changed_by_f("function f\n xor esi, esi\n jmp g\n" + g), kRsi | kRax) << "near";
  EXPECT_EQ(changed_by_f("function f\n xor esi, esi\n jmp g\n .skip 300, 0x90\n" + g), kRsi | kRax)
      << "far";
  EXPECT_EQ(changed_by_f("function f\n test edi, edi\n je g\n ret\n" + g), kRax)
      << "on a condition";
  EXPECT_EQ(changed_by_f("function f\n test edi, edi\n je g\n ret\n .skip 300, 0x90\n" + g), kRax)
      << "on a condition, far";
  EXPECT_EQ(changed_by_f("function f\n xor esi, esi\n jmp rdi\n") & kRax, kRax) << "anywhere";
  EXPECT_EQ(changed_by_f("function f\n 1: xor esi, esi\n jmp 1b\n" + g), kRsi) << "its own";
}

TEST(CallClobbers, OfFunctionsThatCallEachOtherAreAll) {
  const std::string both =
      "function f\n call g\n ret\n"
      "function g\n test edi, edi\n jne f\n ret\n";
  EXPECT_EQ(changed_by_f(both), kCallClobbers);
}

}  // namespace
}  // namespace allocs::meta
