// SPDX-License-Identifier: Apache-2.0
#include "meta/switch_jumps.h"

#include <gtest/gtest.h>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// A function `f` with `way` before its only indirect jump; `table` has `entries` entries of that size.
struct Read {
  std::optional<SwitchJump> jump;
  std::uint64_t table = 0;
};
Read read(const std::string& way) {
  const AssembledSubject subject{R"(
    .globl f, f_end, table
    .type f, @function
    f:
    )" + way + R"(
    case: mov eax, 1
    ret
    default: xor eax, eax
    ret
    f_end:
    .section .rodata
    .balign 8
    table: .long case - table, case - table, case - table, default - table, case - table, case - table
    .balign 8
    addresses: .quad case, case, case, default, case, case
  )"};
  const CodePaths paths{subject.object(), subject.linkage(), subject["f"], subject["f_end"]};
  Read result{.jump = std::nullopt, .table = subject["table"]};
  for (std::size_t i = 0; i < paths.code().size(); ++i) {
    const Instruction& instruction = paths.code()[i];
    if (instruction.operation == Operation::jump && !instruction.first.is_immediate())
      result.jump = switch_jump_at(paths, i);
  }
  return result;
}

constexpr const char* kThroughOffsets = R"(
    lea rdx, [rip + table]
    movsxd rax, dword ptr [rdx + rax*4]
    add rax, rdx
    jmp rax
)";

TEST(SwitchJump, HasItsTableAndAsManyEntriesAsTheCheckLetsPass) {
  const Read above =
      read(std::string("cmp eax, 5\n ja default\n mov eax, eax\n") + kThroughOffsets);
  ASSERT_TRUE(above.jump);
  EXPECT_EQ(above.jump->table, above.table);
  EXPECT_EQ(above.jump->count, 6u);
  EXPECT_EQ(above.jump->entry_size, 4);

  const Read at_least =
      read(std::string("cmp eax, 5\n jae default\n mov eax, eax\n") + kThroughOffsets);
  ASSERT_TRUE(at_least.jump);
  EXPECT_EQ(at_least.jump->count, 5u);
}

TEST(SwitchJump, MayBeCheckedTheOtherWayRound) {
  const Read read_back =
      read(std::string("cmp eax, 3\n jbe inside\n ret\n inside: mov eax, eax\n") + kThroughOffsets);
  ASSERT_TRUE(read_back.jump);
  EXPECT_EQ(read_back.jump->count, 4u);
}

TEST(SwitchJump, FollowsAnIndexThroughCopiesAndTheStack) {
  const Read copied = read(std::string("mov ecx, edi\n cmp ecx, 5\n ja default\n mov eax, ecx\n") +
                           kThroughOffsets);
  ASSERT_TRUE(copied.jump);
  EXPECT_EQ(copied.jump->count, 6u);

  const Read spilled =
      read(std::string("mov dword ptr [rsp - 8], edi\n cmp edi, 5\n ja default\n"
                       "mov dword ptr [rsp - 16], esi\n mov eax, dword ptr [rsp - 8]\n") +
           kThroughOffsets);
  ASSERT_TRUE(spilled.jump);
  EXPECT_EQ(spilled.jump->count, 6u);
}

TEST(SwitchJump, GoesThroughAddressesWhereCodeIsNotMoved) {
  const Read addresses =
      read("cmp edi, 5\n ja default\n mov edi, edi\n jmp qword ptr [addresses + rdi*8]\n");
  ASSERT_TRUE(addresses.jump);
  EXPECT_EQ(addresses.jump->count, 6u);
  EXPECT_EQ(addresses.jump->entry_size, 8);
  EXPECT_EQ(addresses.jump->table, addresses.table + 24);
}

TEST(SwitchJump, HasNoCountWhereNothingChecksWhatIsTheIndex) {
  const auto count_of = [](const char* way) {
    const Read result = read(std::string(way) + kThroughOffsets);
    EXPECT_TRUE(result.jump) << way;
    return result.jump ? result.jump->count : std::optional<std::uint64_t>{0};
  };
  EXPECT_FALSE(count_of("and eax, 7\n"));                               // nothing is compared
  EXPECT_FALSE(count_of("cmp ecx, 5\n ja default\n"));                  // something else is
  EXPECT_FALSE(count_of("cmp eax, 5\n ja default\n add eax, 2\n"));     // it changes after it
  EXPECT_FALSE(count_of("cmp eax, 5\n ja default\n call default\n"));   // a call may change it
  EXPECT_FALSE(count_of("cmp eax, 5\n test ecx, ecx\n ja default\n"));  // the flags are another's
  EXPECT_FALSE(count_of("cmp eax, 5\n jg default\n"));                  // it may be negative
  EXPECT_FALSE(count_of(
      "cmp edi, 5\n ja default\n mov dword ptr [rsp - 8], edi\n"
      "mov dword ptr [rsi], ecx\n mov eax, dword ptr [rsp - 8]\n"));  // it may be written over
  EXPECT_FALSE(count_of(
      "cmp ecx, 1\n je join\n cmp eax, 5\n ja default\n join: mov eax, eax\n"));  // a way around
}

TEST(SwitchJump, IsNoOtherIndirectJump) {
  EXPECT_FALSE(read("jmp rax\n").jump);
  EXPECT_FALSE(read("mov rax, qword ptr [rdi]\n jmp rax\n").jump);
  EXPECT_FALSE(read("lea rax, [rip + table]\n jmp rax\n").jump);
  EXPECT_FALSE(
      read("lea rdx, [rip + table]\n movsxd rax, dword ptr [rdx + rax*4]\n jmp rax\n").jump);
  EXPECT_FALSE(
      read(
          "lea rdx, [rip + table]\n movsxd rax, dword ptr [rdx + rax*4]\n add rax, rcx\n jmp rax\n")
          .jump);
}

}  // namespace
}  // namespace allocs::meta
