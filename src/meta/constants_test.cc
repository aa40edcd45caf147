// SPDX-License-Identifier: Apache-2.0
#include "meta/constants.h"

#include <gtest/gtest.h>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// The statics that add_constants() adds for code that goes with `.rodata`: `double_`, `float_`, `vector`, each of its size, and `text`.
struct Added {
  AssembledSubject subject;
  types::ObjectModel model;

  explicit Added(const std::string& code, std::string_view named = "")
      : subject(R"(
    .globl f, double_, float_, vector, text, variable
    .type f, @function
    f: )" + code +
                R"(
      ret
    .size f, . - f
    .section .rodata
    .balign 16
    vector: .quad 1, 2
    double_: .quad 0x400a000000000000
    float_: .long 0x3f800000
    text: .asciz "abc"
    .data
    .balign 16
    variable: .quad 0, 0
  )") {
    if (!named.empty()) {
      types::StaticRecord known;
      known.address = subject[named];
      known.size = 8;
      model.statics.push_back(known);
    }
    add_constants(subject.object(), subject.scan(), model);
  }
  // The size of what was added at the symbol; 0: nothing.
  std::uint64_t size_at(std::string_view symbol) const {
    for (const types::StaticRecord& record : model.statics) {
      if (record.address == subject[symbol] && record.kind == types::StaticKind::unnamed)
        return record.size;
    }
    return 0;
  }
};

TEST(Constants, AreAsLargeAsTheInstructionReads) {
  const Added added{
      "mulsd xmm0, qword ptr [rip + double_]\n addss xmm1, dword ptr [rip + float_]\n"
      "andps xmm2, xmmword ptr [rip + vector]\n"};
  EXPECT_EQ(added.size_at("double_"), 8u);
  EXPECT_EQ(added.size_at("float_"), 4u);
  EXPECT_EQ(added.size_at("vector"), 16u);
  EXPECT_EQ(added.model.statics.size(), 3u);
}

TEST(Constants, HaveTheTypeOfANumberIfTheyAreOne) {
  const Added added{
      "mulsd xmm0, qword ptr [rip + double_]\n andps xmm2, xmmword ptr [rip + vector]\n"};
  ASSERT_EQ(added.model.statics.size(), 2u);
  for (const types::StaticRecord& record : added.model.statics) {
    EXPECT_EQ(added.model.strings[record.name], "(constant)");
    EXPECT_EQ(record.type != types::kNoType, record.size == 8);
  }
}

TEST(Constants, AreReadWithOneSizeOnly) {
  const Added added{
      "mulsd xmm0, qword ptr [rip + double_]\n addss xmm0, dword ptr [rip + double_]\n"};
  EXPECT_EQ(added.size_at("double_"), 0u);
}

TEST(Constants, HoldNothingElseThatIsRead) {
  const Added added{
      "andps xmm0, xmmword ptr [rip + vector]\n mulsd xmm0, qword ptr [rip + vector + 8]\n"};
  EXPECT_EQ(added.model.statics.size(), 0u);
}

TEST(Constants, HoldNothingWhoseAddressIsTaken) {
  EXPECT_EQ(Added("mulsd xmm0, qword ptr [rip + double_]\n lea rax, [rip + double_ + 4]\n")
                .size_at("double_"),
            0u);
  EXPECT_EQ(
      Added("mulsd xmm0, qword ptr [rip + double_]\n lea rax, [rip + float_]\n").size_at("double_"),
      8u);
}

TEST(Constants, AreReadOnlyAlignedAndWithoutAName) {
  EXPECT_EQ(Added("mulsd xmm0, qword ptr [rip + variable]\n").model.statics.size(), 0u);
  EXPECT_EQ(Added("mulsd xmm0, qword ptr [rip + double_ + 4]\n").model.statics.size(), 0u);
  EXPECT_EQ(Added("mulsd xmm0, qword ptr [rip + double_]\n", "double_").size_at("double_"), 0u);
}

}  // namespace
}  // namespace allocs::meta
