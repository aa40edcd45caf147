// SPDX-License-Identifier: Apache-2.0
#include "meta/macro_stream.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "meta/object_file.h"

namespace allocs::meta {
namespace {

TEST(MacroText, IsCutIntoNameParametersAndValue) {
  const auto parts = [](std::string_view text) {
    const MacroText cut = split_macro_text(text);
    return std::string{cut.name} + "|" + std::string{cut.parameters} + "|" + std::string{cut.value};
  };
  EXPECT_EQ(parts("X 1 + 2"), "X||1 + 2");
  EXPECT_EQ(parts("X"), "X||");
  EXPECT_EQ(parts("X "), "X||");
  EXPECT_EQ(parts("F(a,b) ((a) + (b))"), "F|(a,b)|((a) + (b))");
  EXPECT_EQ(parts("F() 1"), "F|()|1");
  EXPECT_EQ(parts("F(a,...) "), "F|(a,...)|");
  EXPECT_EQ(parts("X (1)"), "X||(1)");  // no parameter list: there is a blank
  EXPECT_EQ(parts("F(a"), "F|(a|");     // damaged
}

// Sections made by hand: what compilers here do not write.
class MacroLists : public testing::Test {
 protected:
  void SetUp() override {
    Diagnostics diag;
    file_ = ElfFile::open("/proc/self/exe", diag);
    ASSERT_NE(file_, nullptr);
    sections_.emplace(*file_);
    alternate_.emplace(*file_);
    unit_.sections = &*sections_;
    unit_.alternate = &*alternate_;
  }
  static std::span<const std::byte> bytes(const std::string& text) {
    return std::as_bytes(std::span{text.data(), text.size()});
  }
  std::string told(const std::string& list, std::string_view name = {}) {
    sections_->macro = bytes(list);
    const MacroList read = read_macro_list(unit_, 0, name);
    std::ostringstream out;
    for (const MacroEntry& entry : read.entries) {
      constexpr const char* kSorts[] = {"define", "undefine", "start",
                                        "end",    "import",   "import alternate"};
      out << kSorts[static_cast<int>(entry.sort)] << ' ' << entry.line << ' ' << entry.number << ' '
          << entry.text << "; ";
    }
    out << (read.is_whole ? "whole" : "damaged");
    if (read.line_offset) out << " lines at " << *read.line_offset;
    return out.str();
  }

  std::unique_ptr<ElfFile> file_;
  std::optional<DebugSections> sections_, alternate_;
  Unit unit_;
};

TEST_F(MacroLists, HaveEveryKindOfEntry) {
  using namespace std::string_literals;
  const std::string texts = "\0FAR 9\0"s, of_others = "OTHER 8\0"s, offsets = "\1\0\0\0"s;
  sections_->str = bytes(texts);
  sections_->str_offsets = bytes(offsets);
  alternate_->str = bytes(of_others);
  EXPECT_EQ(told("\5\0\0"s + "\1\7X 1\0"s + "\2\x81\1X\0"s + "\0"s),
            "define 7 0 X 1; undefine 129 0 X; whole");
  EXPECT_EQ(told("\5\0\2\x20\0\0\0"s + "\3\0\1"s + "\5\2\1\0\0\0"s + "\6\3\1\0\0\0"s + "\4\0"s),
            "start 0 1 ; define 2 0 FAR 9; undefine 3 0 FAR 9; end 0 0 ; whole lines at 32");
  EXPECT_EQ(
      told("\5\0\0"s + "\x0b\4\0"s + "\x0c\5\0"s + "\x08\6\0\0\0\0"s + "\x09\7\0\0\0\0"s + "\0"s),
      "define 4 0 FAR 9; undefine 5 0 FAR 9; define 6 0 OTHER 8; undefine 7 0 OTHER 8; whole");
  EXPECT_EQ(told("\4\0\0"s + "\7\x10\0\0\0"s + "\x0a\x11\0\0\0"s + "\0"s),
            "import 0 16 ; import alternate 0 17 ; whole");
  EXPECT_EQ(told("\5\0\1"s + "\7\x10\0\0\0\0\0\0\0"s + "\0"s),
            "import 0 16 ; whole");  // wide offsets
}

TEST_F(MacroLists, LeaveOutOtherNames) {
  using namespace std::string_literals;
  EXPECT_EQ(told("\5\0\0"s + "\1\1X 1\0"s + "\1\2XY 2\0"s + "\1\3X(a) 3\0"s + "\2\4X\0"s +
                     "\2\5Y\0"s + "\0"s,
                 "X"),
            "define 1 0 X 1; define 3 0 X(a) 3; undefine 4 0 X; whole");
}

TEST_F(MacroLists, PassOverWhatVendorsDescribe) {
  using namespace std::string_literals;
  const std::string table =
      "\1\xe0\3\x0f\x0e\x08"s;  // code e0: a number, an offset of a text, a text
  const std::string of_vendor = "\xe0\x81\1\1\0\0\0text\0"s;
  EXPECT_EQ(told("\5\0\4"s + table + of_vendor + "\1\1X 1\0"s + "\0"s), "define 1 0 X 1; whole");
  EXPECT_EQ(told("\5\0\4\1\xe1\1\x7e"s + "\1\1X 1\0"s + "\xe1\0"s), "define 1 0 X 1; damaged");
}

TEST_F(MacroLists, EndWhereTheyAreDamaged) {
  using namespace std::string_literals;
  EXPECT_EQ(told(""), "damaged");
  EXPECT_EQ(told("\6\0\0\1\1X 1\0\0"s), "damaged");  // a version to come
  EXPECT_EQ(told("\5\0\0"s + "\1\1X 1\0"s), "define 1 0 X 1; damaged");
  EXPECT_EQ(told("\5\0\0"s + "\1\1X 1\0"s + "\x30\0"s), "define 1 0 X 1; damaged");
  EXPECT_EQ(told("\5\0\0"s + "\1\1X 1\0"s + "\1\2Y"s), "define 1 0 X 1; damaged");
}

}  // namespace
}  // namespace allocs::meta
