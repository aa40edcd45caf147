// SPDX-License-Identifier: Apache-2.0
#include "meta/literals.h"

#include <gtest/gtest.h>

#include <set>

#include "meta/compiled_subject.h"

namespace allocs::meta {
namespace {

// The literals of the subject. "world\n" lies in the end of "hello, world\n".
constexpr std::string_view kLiterals[] = {
    "hello, world\n",
    "world\n",
    "a somewhat longer text, which is kept in a section of its own kind",
    "%s: %d\n",
    "table one",
    "table two",
    "table three",
    "caf\xC3\xA9 \xE2\x82\xAC",
    "in a structure",
    "tab\tand\x1b[1m",
    "zero",
    "one is not two",
    "case two",
    "case three",
    "case four",
    "case five",
    "otherwise",
    "const char pointer",
    "usage: subject",
    "inner",

};

constexpr std::string_view kSubject = R"(#include <stdio.h>
#include <string.h>
#include <wchar.h>
struct entry { const char *name; int n; };
static const char *const names[] = {"table one", "table two", "table three"};
struct entry entries[] = {{"in a structure", 1}, {"zero", 0}};
static const char known[] = "an array with a name";
static const unsigned char bytes[] = {'A', 'B', 'C', 0, 'D'};
const char *pointer = "const char pointer";
int ints(int k) { int letters[] = {65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84}; return letters[k]; }
int shorts(int k) { short letters[] = {65, 0, 67, 0, 69, 0, 71, 0, 73, 0, 75, 0, 77, 0, 79, 0, 81, 0, 83, 0}; return letters[k]; }
double numbers(int k) { double d[] = {0.0, 1.0, 2.0, 2.5, 1e10, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}; return d[k] * 3.25; }
struct entry big(int k) { struct { struct entry e; char text[40]; } t[2] = {{{0, 1}, "filled"}, {{0, 65}, "filled as well"}}; memmove(&t[0], &t[1], k); return t[0].e; }
void *wide(void) { return (void *)L"wide text"; }
float scale(float f) { return f * 1.5f + 0.1f; }
const char *choose(int k, int j) {
  switch (k) {
    case 0: return "one is not two";
    case 1: return names[j];
    case 2: return "case two";
    case 3: return "case three";
    case 4: return "case four";
    case 5: return "case five";
    default: return "otherwise";
  }
}
int map(int k) { switch (k) { case 1: return 'a'; case 2: return 'z'; case 3: return 'k'; case 4: return 'y'; case 5: return 'q'; case 6: return 'e'; default: return 0; } }
int jumps(int k) { switch (k) { case 1: puts("inner"); break; case 2: k = numbers(1); break; case 3: k += ints(k); break; case 4: k -= map(k); break; case 5: k *= 3; break; case 6: k = shorts(2); break; } return k; }
void copy(char *to) { memcpy(to, bytes, sizeof bytes); strcat(to, known); }
int main(int argc, char **argv) {
  static char buffer[200];
  if (argc > 5) { fputs("usage: subject", stderr); return 1; }
  fputs("hello, world\n", stdout);
  fputs("world\n", stdout);
  fputs("a somewhat longer text, which is kept in a section of its own kind", stdout);
  printf("%s: %d\n", choose(argc, argc > 3), map(argc) + jumps(argc));
  fputs("caf\xC3\xA9 \xE2\x82\xAC", stdout);
  fputs("tab\tand\x1b[1m", stdout);
  copy(buffer);
  return wide() == argv || entries[argc].n || pointer[1] == buffer[0] || scale(argc) > 3 || big(argc).n;
}
)";

Tally compare(const types::Image& image, const ElfFile& object, std::string_view command) {
  std::set<std::string> missing;
  for (const std::string_view literal : kLiterals) missing.insert(std::string{literal});
  const std::set<std::string> allowed = missing;
  Tally tally;
  for (const types::StaticRecord& record : image.statics()) {
    if (record.kind != types::StaticKind::string_literal) continue;
    const auto bytes = object.bytes_at(record.address, record.size);
    if (bytes.empty()) continue;
    const std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size() - 1};
    const bool is_right = allowed.contains(text) && bytes.back() == std::byte{0};
    (is_right ? tally.right : tally.wrong) += 1;
    EXPECT_TRUE(is_right) << command << ": \"" << text << "\" at " << std::hex << record.address;
    missing.erase(text);

    const types::TypeRecord* type = image.type(record.type);
    EXPECT_EQ(std::string{image.text(type->name)},
              "__ARR" + std::to_string(record.size) + "_signed_char$8");
    EXPECT_EQ(record.flags, types::kStaticInferred);
    EXPECT_EQ(image.find_static(record.address + record.size - 1)->kind,
              types::StaticKind::string_literal);
  }
  tally.cannot_tell = static_cast<int>(missing.size());
  if (std::getenv("ALLOCS_TEST_VERBOSE") != nullptr) {
    for (const std::string& text : missing) printf("  not found: \"%s\"\n", text.c_str());
  }
  return tally;
}

TEST(Literals, AreFoundAndNothingElseIsWithEveryCompilerAndLevel) {
  Tally all;
  constexpr bool kWhole = true;  // how many are found depends on the way of linking
  for (const Compilation& compilation : all_compilations(false, kWhole)) {
    CompiledSubject subject{compilation, kSubject, false};
    ASSERT_TRUE(subject.is_compiled()) << compilation.command;
    const auto image = subject.image();
    ASSERT_TRUE(image) << compilation.command;
    Diagnostics diag;
    const auto object = ElfFile::open(subject.object(), diag);
    const Tally tally = compare(*image, *object, compilation.command);
    printf("%-45s %3d right %3d wrong %3d not found\n", compilation.command.c_str(), tally.right,
           tally.wrong, tally.cannot_tell);
    all.right += tally.right;
    all.wrong += tally.wrong;
    all.cannot_tell += tally.cannot_tell;
  }
  printf("all: %d right, %d wrong, %d not found\n", all.right, all.wrong, all.cannot_tell);
  EXPECT_EQ(all.wrong, 0);
  EXPECT_GE(all.right * 100, (all.right + all.cannot_tell) * 95);
}

std::optional<std::size_t> length_of(std::string_view text) {
  return text_length(std::as_bytes(std::span{text.data(), text.size()}));
}

TEST(TextLength, CountsUpToTheNul) {
  using namespace std::string_view_literals;
  EXPECT_EQ(length_of("abc\0def\0"sv), 3u);
  EXPECT_EQ(length_of("\0"sv), 0u);
  EXPECT_EQ(length_of("caf\xC3\xA9\0"sv), 5u);
  EXPECT_EQ(length_of("\xF0\x9F\x98\x80\0"sv), 4u);
}

TEST(TextLength, IsNoneForWhatIsNoText) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(length_of("abc"sv));                 // no NUL
  EXPECT_FALSE(length_of("a\x01\0"sv));             // a control character
  EXPECT_FALSE(length_of("a\xE9\0"sv));             // Latin-1
  EXPECT_FALSE(length_of("\xC0\x80\0"sv));          // an overlong NUL
  EXPECT_FALSE(length_of("\xED\xA0\x80\0"sv));      // a surrogate
  EXPECT_FALSE(length_of("\xF4\x90\x80\x80\0"sv));  // beyond Unicode
  EXPECT_FALSE(length_of(""sv));
}

}  // namespace
}  // namespace allocs::meta
