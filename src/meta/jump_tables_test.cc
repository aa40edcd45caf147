// SPDX-License-Identifier: Apache-2.0
#include "meta/jump_tables.h"

#include <gtest/gtest.h>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// A function `f` that jumps through `table` if edi is at most 3, and what `extra` adds to .text and `data` to .rodata behind the table.
AssembledSubject subject_of(const std::string& entries, const std::string& extra = "",
                            const std::string& data = "") {
  return AssembledSubject{R"(
    .globl f, g, table, more
    .type f, @function
    f:
      cmp edi, 3
      ja default
      mov edi, edi
      lea rdx, [rip + table]
      movsxd rax, dword ptr [rdx + rdi*4]
      add rax, rdx
      jmp rax
    one: mov eax, 1
      ret
    default: xor eax, eax
      ret
    .size f, . - f
    .type g, @function
    g: mov eax, 7
    middle: ret
    .size g, . - g
    )" + extra + R"(
    .section .rodata
    .balign 4
    table: )" + entries +
                          "\n more: " + data};
}
constexpr const char* kFour = ".long one - table, default - table, one - table, one - table";

std::vector<JumpTable> tables_of(const AssembledSubject& subject) {
  return find_jump_tables(subject.object(), subject.linkage(), subject.scan(), subject.starts());
}

TEST(JumpTables, AreWhatAFunctionJumpsThrough) {
  const AssembledSubject subject = subject_of(kFour);
  const auto tables = tables_of(subject);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].address, subject["table"]);
  EXPECT_EQ(tables[0].count, 4u);
  EXPECT_EQ(tables[0].entry_size, 4);
  EXPECT_EQ(tables[0].function, subject["f"]);
}

TEST(JumpTables, HaveEntriesThatAreInstructionsOfTheirFunctionOnly) {
  EXPECT_TRUE(
      tables_of(subject_of(".long one - table, one - table, one - table, g - table")).empty());
  EXPECT_TRUE(tables_of(subject_of(".long one - table, one - table, one - table, one + 1 - table"))
                  .empty());
  EXPECT_TRUE(tables_of(subject_of(".long one - table, one - table, one - table, 0")).empty());
}

TEST(JumpTables, EndWithTheirSection) {
  EXPECT_TRUE(tables_of(subject_of(".long one - table, one - table, one - table")).empty());
}

TEST(JumpTables, HoldNothingWhoseAddressIsTaken) {
  const std::string taken = "h: lea rax, [rip + table + 8]\n ret\n";
  EXPECT_TRUE(tables_of(subject_of(kFour, taken)).empty());
  const std::string behind = "h: lea rax, [rip + more]\n ret\n";
  EXPECT_EQ(tables_of(subject_of(kFour, behind, ".long 1")).size(), 1u);
}

TEST(JumpTables, MayLeadToTheColdPartOfTheirFunction) {
  const char* entries = ".long one - table, one - table, one - table, away - table";
  const char* cold =
      ".globl f.cold\n .type f.cold, @function\n f.cold: nop\n away: xor eax, eax\n ret\n"
      ".size f.cold, . - f.cold\n";
  EXPECT_EQ(tables_of(subject_of(entries, cold)).size(), 1u);
  const char* other =
      ".globl k\n .type k, @function\n k: nop\n away: xor eax, eax\n ret\n .size k, . - k\n";
  EXPECT_TRUE(tables_of(subject_of(entries, other)).empty());
}

struct Added {
  types::ObjectModel model;
  explicit Added(std::vector<types::StaticRecord> known) {
    model.statics = std::move(known);
    const JumpTable table{.address = 0x1000, .count = 4, .entry_size = 4, .function = 0x500};
    add_jump_tables(std::vector{table}, model);
  }
};
types::StaticRecord record(std::uint64_t address, std::uint64_t size, types::StaticKind kind) {
  types::StaticRecord made;
  made.address = address;
  made.size = size;
  made.kind = kind;
  return made;
}

TEST(JumpTables, AreAddedAsArraysUnderTheNameOfTheirFunction) {
  types::ObjectModel model;
  types::StaticRecord function = record(0x500, 100, types::StaticKind::function);
  function.name = model.strings.add("f");
  model.statics = {function};
  const JumpTable table{.address = 0x1000, .count = 4, .entry_size = 4, .function = 0x500};
  add_jump_tables(std::vector{table}, model);
  ASSERT_EQ(model.statics.size(), 2u);
  const types::StaticRecord& added = model.statics[1];
  EXPECT_EQ(model.strings[added.name], "f::(jump table)");
  EXPECT_EQ(added.address, 0x1000u);
  EXPECT_EQ(added.size, 16u);
  EXPECT_EQ(added.kind, types::StaticKind::unnamed);
  EXPECT_EQ(added.flags, types::kStaticInferred);
}

TEST(JumpTables, AreNotAddedWhereSomethingElseIsKnownToBe) {
  using types::StaticKind;
  EXPECT_EQ(Added({record(0x0ff0, 16, StaticKind::object), record(0x1010, 8, StaticKind::object)})
                .model.statics.size(),
            3u);
  EXPECT_EQ(Added({record(0x0ff0, 17, StaticKind::object)}).model.statics.size(), 1u);
  EXPECT_EQ(Added({record(0x100f, 1, StaticKind::object)}).model.statics.size(), 1u);
}

}  // namespace
}  // namespace allocs::meta
