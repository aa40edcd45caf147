// SPDX-License-Identifier: Apache-2.0
#include "meta/call_clobbers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// `text` has functions, each at a symbol that is a function's. `use` is given the clobbers, the subject and the code of `f`.
template <typename Use>
auto with_clobbers(const std::string& text, Use use) {
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
  const auto code_around = [&](std::uint64_t pc) {
    const auto after = std::ranges::upper_bound(starts, pc);
    if (after == starts.begin() || after == starts.end()) return FunctionCode{};
    return FunctionCode{*std::prev(after), *after, true};
  };
  CallClobbers clobbers{subject.object(), subject.linkage(), code_around};
  return use(clobbers, subject, code_around(subject["f"]));
}

std::uint16_t changed_by_f(const std::string& text) {
  return with_clobbers(text, [](CallClobbers& clobbers, const AssembledSubject& subject, auto) {
    return clobbers.changed_by(subject["f"]);
  });
}

bool may_f_return(const std::string& text) {
  return with_clobbers(text, [](CallClobbers& clobbers, const AssembledSubject& subject, auto) {
    return clobbers.may_return(subject["f"]);
  });
}

// The first argument of the last call in `f`.
Value argument_in_f(const std::string& text) {
  return with_clobbers(
      text, [](CallClobbers& clobbers, const AssembledSubject& subject, const FunctionCode& code) {
        const FrameRuleAt no_rules = [](std::uint64_t) { return std::nullopt; };
        const FunctionFlow flow =
            follow_values(subject.object(), subject.linkage(), code, no_rules, &clobbers);
        return flow.calls.back().arguments[0];
      });
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

const std::string kAborts = "function aborts\n xor edi, edi\n 1: call abort\n jmp 1b\n";
const std::string kReturns = "function returns\n nop\n ret\n";
const std::string kAbort = "function abort\n ud2\n";

TEST(MayReturn, IsFalseIfThereIsNoReturn) {
  EXPECT_FALSE(may_f_return("function f\n call returns\n ud2\n" + kReturns));
  EXPECT_FALSE(
      may_f_return("function f\n test edi, edi\n je aborts\n jmp aborts\n" + kAborts + kAbort));
  EXPECT_TRUE(may_f_return("function f\n test edi, edi\n je 1f\n ret\n 1: ud2\n"));
  for (const std::string last :
       {"ret 8", "rep ret", "bnd ret", "retfq", "iretq", "notrack jmp rax", "jmp fword ptr [rdi]"})
    EXPECT_TRUE(may_f_return("function f\n je 1f\n " + last + "\n 1: ud2\n")) << last;
  EXPECT_TRUE(
      may_f_return("function f\n call aborts\n jmp returns\n" + kReturns + kAborts + kAbort));
  EXPECT_TRUE(may_f_return("function f\n test edi, edi\n je returns\n ud2\n" + kReturns))
      << "on a condition";
  EXPECT_TRUE(may_f_return("function f\n jmp rdi\n")) << "anywhere";
  EXPECT_TRUE(may_f_return("function f\n jmp [rdi]\n")) << "anywhere";
  EXPECT_TRUE(may_f_return("function f\n jmp g\nfunction g\n jmp f\n")) << "nobody knows";
  EXPECT_TRUE(may_f_return("function f\n .byte 0x06\n ud2\n")) << "no instruction";
  EXPECT_TRUE(may_f_return("function f\n test edi, edi\n je aborts\n nop\nfunction g\n ret\n" +
                           kAborts + kAbort))
      << "goes on into the next";
}

// The pass over all code has seen most of them.
TEST(MayReturn, IsTrueWhereAReturnIsKnown) {
  const AssembledSubject subject{"f: nop\n last: ret\n end: ud2\n"};
  const std::vector<std::uint64_t> returns = subject.scan().returns;
  EXPECT_EQ(returns, std::vector{subject["last"]});
  // Of the function whose only instruction is at `end`.
  const std::uint64_t end = subject["end"];
  const auto code_around = [&](std::uint64_t) { return FunctionCode{end, end + 2, true}; };
  const auto may_return = [&](std::vector<std::uint64_t> known) {
    return CallClobbers{subject.object(), subject.linkage(), code_around, known}.may_return(end);
  };
  EXPECT_FALSE(may_return({}));
  EXPECT_FALSE(may_return({end - 1, end + 2}));
  EXPECT_TRUE(may_return({end - 1, end + 1, end + 2}));  // as if there were one
}

// What lies behind such a call is reached by other ways.
TEST(MayReturn, EndsTheWayOfACall) {
  const auto text = [](const std::string& callee) {
    return "function f\n mov edi, 24\n test esi, esi\n je 1f\n call " + callee +
           "\n 1: call taker\n ret\nfunction taker\n mov rax, rdi\n ret\n";
  };
  EXPECT_EQ(argument_in_f(text("aborts") + kAborts + kAbort), Value::constant(24));
  EXPECT_FALSE(
      argument_in_f(text("changes") + "function changes\n xor edi, edi\n ret\n").is_constant());
}

// Landing pads are what nothing is seen to jump to.
TEST(MayReturn, IsNotWhatHidesTheCodeBehindACall) {
  const std::string text =
      "function f\n call aborts\n mov edi, 8\n call taker\n ret\nfunction taker\n ret\n";
  EXPECT_EQ(argument_in_f(text + kAborts + kAbort), Value::constant(8));
}

}  // namespace
}  // namespace allocs::meta
