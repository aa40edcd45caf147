// SPDX-License-Identifier: Apache-2.0
#include "meta/code_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "meta/assembled_subject.h"

namespace allocs::meta {
namespace {

// The labels of the stretches in their order. Labels are single letters; `code` begins at `f`, and each letter in `more` is a start to which nothing jumps.
std::string order_of(const std::string& code, const std::string& more = "") {
  const AssembledSubject subject{"f:\n" + code + "\nend: nop\n"};
  const CodePaths paths{subject.object(), subject.linkage(), subject["f"], subject["end"]};
  std::vector<std::size_t> starts = paths.targets();
  const auto index_of = [&](std::string_view label) {
    return paths.index_of(subject[label]).value();
  };
  for (const char label : more + "f") starts.push_back(index_of({&label, 1}));
  std::ranges::sort(starts);
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  std::vector<std::uint32_t> start_at(paths.code().size());
  for (std::size_t n = 0; n < starts.size(); ++n)
    start_at[starts[n]] = static_cast<std::uint32_t>(n);

  std::string labels;
  for (const std::uint32_t n : order_of_stretches(paths, starts, start_at)) {
    for (const char label : std::string{"abcdf"}) {
      if (code.find(std::string{label} + ": ") == std::string::npos && label != 'f') continue;
      if (index_of({&label, 1}) == starts[n]) labels += label;
    }
  }
  return labels;
}

TEST(CodeOrder, IsThatOfAddressesWhereCodeIsStraight) {
  EXPECT_EQ(order_of("je a\n nop\n a: je b\n nop\n b: ret\n"), "fab");
}

// As compilers put what is rare at the end.
TEST(CodeOrder, PutsWhatJumpsBackBeforeWhereItLeads) {
  EXPECT_EQ(order_of("je b\n a: nop\n ret\n b: nop\n jmp a\n"), "fba");
  EXPECT_EQ(order_of("je c\n a: je d\n b: nop\n ret\n c: jmp a\n d: jmp b\n"), "fcadb");
}

TEST(CodeOrder, PutsALoopBeforeWhatIsBehindIt) {
  EXPECT_EQ(order_of("nop\n a: je b\n jmp a\n b: ret\n"), "fab");
  EXPECT_EQ(order_of("jmp b\n a: nop\n b: jne a\n ret\n"), "fba") << "entered at its end";
}

TEST(CodeOrder, HasEachStretchThatATableLeadsTo) {
  EXPECT_EQ(order_of("jmp [table+rcx*8]\n a: jmp c\n b: nop\n c: ret\n"
                     ".pushsection .rodata\n table: .quad a, b, 0\n .popsection\n"),
            "fbac");
}

TEST(CodeOrder, PutsWhatNothingLeadsToFirst) {
  EXPECT_EQ(order_of("nop\n a: nop\n ret\n c: jmp a\n", "c"), "cfa");
}

}  // namespace
}  // namespace allocs::meta
