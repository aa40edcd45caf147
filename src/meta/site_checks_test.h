// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "meta/compiled_subject.h"

// For tests of allocation sites. Each line of a subject that allocates says what is right after "//=": the type's name, several with "or" between them, "none" if
// nothing may be claimed, "wrapper" for a call whose type is the caller's business.
namespace allocs::meta {

// What the line says after "//=", without blanks around; empty if it says nothing.
inline std::vector<std::string> expectations(std::string_view source) {
  std::vector<std::string> lines{""};
  std::istringstream in{std::string{source}};
  for (std::string line; std::getline(in, line);) {
    const std::size_t mark = line.find("//= ");
    lines.push_back(mark == std::string::npos ? "" : line.substr(mark + 4));
  }
  return lines;
}

inline bool allows(const std::string& expected, const std::string& answer) {
  std::size_t at = 0;
  while (at <= expected.size()) {
    std::size_t end = expected.find(" or ", at);
    if (end == std::string::npos) end = expected.size();
    if (expected.compare(at, end - at, answer) == 0) return true;
    at = end + 4;
  }
  return false;
}

inline Tally compare(const types::Image& image, std::string_view source, std::string_view command) {
  const std::vector<std::string> expected = expectations(source);
  Tally tally;
  for (const types::SiteRecord& site : image.table<types::SiteRecord>(types::Table::sites)) {
    const std::string_view file = image.text(site.file);
    if (!file.ends_with("subject.c") && !file.ends_with("subject.cc")) continue;
    if (site.line >= expected.size() || expected[site.line].empty()) continue;
    const std::string& right = expected[site.line];
    const types::TypeRecord* type = image.type(site.type);
    if (type == nullptr) {
      const bool is_fine = allows(right, "none") || right == "wrapper";
      (is_fine ? tally.right : tally.cannot_tell) += 1;
      if (!is_fine && std::getenv("ALLOCS_TEST_VERBOSE") != nullptr) {
        printf("  cannot tell: %s: line %u: %s\n", std::string{command}.c_str(), site.line,
               right.c_str());
      }
      continue;
    }
    // A wrapper that was inlined has the type of its caller.
    const bool is_right = allows(right, image.text(type->name)) || right == "wrapper";
    (is_right ? tally.right : tally.wrong) += 1;
    EXPECT_TRUE(is_right) << command << ": line " << site.line << ": " << image.text(type->name)
                          << " instead of " << right;
  }
  return tally;
}

// `least_sites`: of one compilation, that anything is said of.
inline void check_all(std::string_view source, bool is_cxx, int least_percent,
                      int least_sites = 1) {
  Tally all;
  for (const Compilation& compilation : all_compilations(is_cxx)) {
    CompiledSubject subject{compilation, source, is_cxx};
    ASSERT_TRUE(subject.is_compiled()) << compilation.command;
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    const Tally tally = compare(*image, source, compilation.command);
    printf("%-45s %3d right %3d wrong %3d cannot tell\n", compilation.command.c_str(), tally.right,
           tally.wrong, tally.cannot_tell);
    EXPECT_GE(tally.right + tally.wrong + tally.cannot_tell, least_sites) << compilation.command;
    all.right += tally.right;
    all.wrong += tally.wrong;
    all.cannot_tell += tally.cannot_tell;
  }
  const int total = all.right + all.wrong + all.cannot_tell;
  printf("all: %d right, %d wrong, %d cannot tell\n", all.right, all.wrong, all.cannot_tell);
  EXPECT_EQ(all.wrong, 0);
  EXPECT_GE(all.right * 100, total * least_percent);
}

}  // namespace allocs::meta
