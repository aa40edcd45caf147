// SPDX-License-Identifier: Apache-2.0
#include "meta/live_registers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "meta/assembled_subject.h"
#include "meta/value_flow.h"

namespace allocs::meta {
namespace {

constexpr std::uint16_t kRax = mask_of(Register::rax);
constexpr std::uint16_t kRbx = mask_of(Register::rbx);
constexpr std::uint16_t kR12 = mask_of(Register::r12);
constexpr std::uint16_t kR13 = mask_of(Register::r13);
constexpr std::uint16_t kSeveral = kRax | kRbx | kR12 | kR13;

// Of those in kSeveral, what is live at the label `here`, to which the code, from `f` to `end`, must jump. Calls do what `effect` says.
std::uint16_t live_here(const std::string& code, const CallEffect& effect = {}) {
  const AssembledSubject subject{"f:\n" + code + "\nend: nop\n"};
  const CodePaths paths{subject.object(), subject.linkage(), subject["f"], subject["end"]};
  const auto live = live_registers(paths, [&](std::size_t) { return effect; });
  const auto at = std::ranges::find(paths.targets(), paths.index_of(subject["here"]).value());
  if (at == paths.targets().end()) {
    ADD_FAILURE() << "nothing jumps to here";
    return 0;
  }
  return live[static_cast<std::size_t>(at - paths.targets().begin())] & kSeveral;
}

// Followed by `code`, which begins at `here`.
std::string jump_to(const std::string& code) { return "je here\n ud2\n here: " + code; }

TEST(LiveRegisters, AreReadBeforeTheyAreWritten) {
  EXPECT_EQ(live_here(jump_to("mov rdi, rbx\n ud2\n")), kRbx);
  EXPECT_EQ(live_here(jump_to("mov rbx, r12\n mov rdi, rbx\n ud2\n")), kR12);
  EXPECT_EQ(live_here(jump_to("lea rdi, [rbx+r12*8]\n ud2\n")), kRbx | kR12);
  EXPECT_EQ(live_here(jump_to("mov [rbx], r12\n ud2\n")), kRbx | kR12);
  EXPECT_EQ(live_here(jump_to("cmp rbx, [r12]\n ud2\n")), kRbx | kR12);
  EXPECT_EQ(live_here(jump_to("xor ebx, ebx\n push rbx\n ud2\n")), 0);
  EXPECT_EQ(live_here(jump_to("pop rbx\n push rbx\n ud2\n")), 0);
  EXPECT_EQ(live_here(jump_to("imul rbx, r12, 24\n push rbx\n ud2\n")), kR12);
}

TEST(LiveRegisters, AreKeptByWhatWritesAPartOrPerhaps) {
  EXPECT_EQ(live_here(jump_to("mov bl, 1\n mov rdi, rbx\n ud2\n")), kRbx);
  EXPECT_EQ(live_here(jump_to("mov bx, 1\n mov rdi, rbx\n ud2\n")), kRbx);
  EXPECT_EQ(live_here(jump_to("mov ebx, 1\n mov rdi, rbx\n ud2\n")), 0);
  EXPECT_EQ(live_here(jump_to("cmove rbx, r12\n mov rdi, rbx\n ud2\n")), kRbx | kR12);
}

TEST(LiveRegisters, AreWhatACallIsGivenAndKeeps) {
  const std::string call = jump_to("call g\n mov rdi, rbx\n mov rsi, rax\n ud2\n g: ret\n");
  EXPECT_EQ(live_here(call), kRax | kRbx) << "rax counts the arguments in vector registers";
  EXPECT_EQ(live_here(call, {false, kRbx}), kRax) << "it writes rbx";
  EXPECT_EQ(live_here(call, {true, 0}), kRax) << "nothing is behind it";
  EXPECT_EQ(live_here(jump_to("call r12\n ud2\n")), kRax | kR12);
}

TEST(LiveRegisters, AreWhatAFunctionReturns) {
  EXPECT_EQ(live_here(jump_to("ret\n")), kRax);
  EXPECT_EQ(live_here(jump_to("mov eax, 1\n ret\n")), 0);
}

TEST(LiveRegisters, AreLiveByAnyWay) {
  EXPECT_EQ(live_here("je here\n 1: mov rdi, rbx\n ud2\n here: je 1b\n mov rdi, r12\n ud2\n"),
            kRbx | kR12)
      << "by a branch";
  EXPECT_EQ(live_here("je here\n 1: mov rdi, rbx\n ud2\n here: jmp 1b\n mov rdi, r13\n"), kRbx)
      << "by a jump";
  EXPECT_EQ(live_here("je here\n ud2\n here: mov rdi, [table+rcx*8]\n jmp rdi\n"
                      "1: push rbx\n ud2\n 2: push r13\n ud2\n"
                      ".pushsection .rodata\n table: .quad 1b, 2b, 0\n .popsection\n"),
            kRax | kRbx | kR13)
      << "by a table";
}

TEST(LiveRegisters, AreAllWhereCodeIsNotSeen) {
  EXPECT_EQ(live_here(jump_to("jmp elsewhere\n") + "elsewhere = end + 1\n"), kSeveral);
  EXPECT_EQ(live_here(jump_to("je elsewhere\n ud2\n") + "elsewhere = end + 1\n"), kSeveral);
}

// What the outer loop's head reads is live at the inner loop's end.
TEST(LiveRegisters, AreLiveAroundLoops) {
  EXPECT_EQ(live_here("1: mov rdi, rbx\n"
                      "2: mov rsi, r12\n je here\n ud2\n"
                      "here: dec ecx\n jne 2b\n dec edx\n jne 1b\n ud2\n"),
            kRbx | kR12);
}

// Where ways meet that have put something else in both, rbx is read and r12 is not.
TEST(LiveRegisters, AreAllThatIsChosenWhereWaysMeet) {
  const AssembledSubject subject{
      "f: mov ebx, 1\n mov r12d, 1\n test edi, edi\n je here\n mov ebx, 2\n mov r12d, 2\n"
      "here: mov rdi, rbx\n call g\n ud2\n g: ret\n"};
  const FrameRuleAt no_rules = [](std::uint64_t) { return std::nullopt; };
  const FunctionFlow flow = follow_values(subject.object(), subject.linkage(),
                                          {subject["f"], subject["g"], true}, no_rules, nullptr);
  std::vector<std::int32_t> chosen;
  for (AtomId id = 0; id < flow.atoms.size(); ++id)
    if (flow.atoms[id].kind == AtomKind::choice) chosen.push_back(flow.atoms[id].where);
  EXPECT_EQ(chosen, std::vector{static_cast<std::int32_t>(Register::rbx)});
}

}  // namespace
}  // namespace allocs::meta
