// SPDX-License-Identifier: Apache-2.0
#include "meta/call_types.h"

#include <gtest/gtest.h>

#include "meta/compiled_subject.h"

// No compiler that is installed everywhere writes DW_AT_LLVM_alloc_type. So the debug information here is written by hand: a function of
// calls, each with an entry that says what it allocates.
namespace allocs::meta {
namespace {

struct Call {
  std::string code;  // that leads to it, without the call
  std::string callee;
  std::string type;        // a label of kTypes, or any number
  bool is_of_gnu = false;  // an entry as before DWARF 5
};

constexpr std::string_view kTypes = R"(
small: .byte 4; .asciz "small"; .byte 8          # two int
       .byte 5; .asciz "a"; .long integer - unit; .byte 0
       .byte 5; .asciz "b"; .long integer - unit; .byte 4
       .byte 0
large: .byte 4; .asciz "large"; .byte 24         # three small
       .byte 5; .asciz "one"; .long small - unit; .byte 0
       .byte 5; .asciz "two"; .long small - unit; .byte 8
       .byte 5; .asciz "three"; .long small - unit; .byte 16
       .byte 0
integer: .byte 6; .asciz "int"; .byte 4; .byte 5
spelt: .byte 8; .asciz "spelt"; .long large - unit
unknown: .byte 9; .asciz "unknown"
)";
constexpr std::string_view kAbbreviations = R"(
.uleb128 1, 0x11; .byte 1; .uleb128 0x13, 5, 3, 8, 0, 0                 # unit: language, name
.uleb128 2, 0x2e; .byte 1; .uleb128 3, 8, 0x11, 1, 0x12, 6, 0, 0        # function: name, from, bytes
.uleb128 3, 0x48; .byte 0; .uleb128 0x7d, 1, 0x3e0e, 0x13, 0, 0         # call: return address, allocated type
.uleb128 4, 0x13; .byte 1; .uleb128 3, 8, 0xb, 0xb, 0, 0                # structure: name, bytes
.uleb128 5, 0x0d; .byte 0; .uleb128 3, 8, 0x49, 0x13, 0x38, 0xb, 0, 0   # member: name, type, offset
.uleb128 6, 0x24; .byte 0; .uleb128 3, 8, 0xb, 0xb, 0x3e, 0xb, 0, 0     # base type: name, bytes, encoding
.uleb128 7, 0x4109; .byte 0; .uleb128 0x11, 1, 0x3e0e, 0x13, 0, 0       # call of GNU's
.uleb128 8, 0x16; .byte 0; .uleb128 3, 8, 0x49, 0x13, 0, 0              # typedef: name, type
.uleb128 9, 0x13; .byte 0; .uleb128 3, 8, 0x3c, 0x19, 0, 0              # declaration: name
.byte 0
)";

std::string program_of(const std::vector<Call>& calls) {
  std::string code = ".text\n.globl f\n.type f, @function\nf:\n";
  std::string entries;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    const std::string label = "r" + std::to_string(i);
    code += call.code + "\n call " + call.callee + "\n" + label + ":\n";
    const bool is_label =
        kTypes.find("\n" + call.type + ":") != kTypes.npos || call.type == "function";
    entries += std::string{".byte "} + (call.is_of_gnu ? "7" : "3") + "; .quad " + label +
               "; .long " + call.type + (is_label ? " - unit\n" : "\n");
  }
  code += " ret\n.size f, . - f\nf_end:\n";
  for (const char* name : {"_Znwm", "_Znam", "get"})
    code += std::string{".globl "} + name + "\n.type " + name + ", @function\n" + name +
            ": ret\n.size " + name + ", 1\n";
  return "__asm__(R\"(" + code + ".section .debug_abbrev,\"\",@progbits\n" +
         std::string{kAbbreviations} +
         ".section .debug_info,\"\",@progbits\nunit: .long end - version\nversion: .short 5; .byte "
         "1, 8; .long 0\n"
         ".byte 1; .short 0x21; .asciz \"subject.cc\"\n" +
         "function: .byte 2; .asciz \"f\"; .quad f; .long f_end - f\n" + entries + ".byte 0\n" +
         std::string{kTypes} + ".byte 0\nend:\n.text\n)\");\n";
}

// "exact large (one)" of each call, "-" where nothing is told.
std::vector<std::string> told_of(const std::vector<Call>& calls) {
  CompiledSubject subject{{"g++ -nostdlib -static -no-pie -Wl,-e,0"}, program_of(calls), true};
  EXPECT_TRUE(subject.is_compiled());
  const auto image = subject.image();
  std::vector<std::string> told(calls.size(), "-");
  if (!image) return told;
  const std::uint64_t low = image->table<types::FunctionRecord>(types::Table::functions)[0].low;
  for (const auto& call : image->table<types::SiteRecord>(types::Table::sites)) {
    const types::TypeRecord* type = image->type(call.type);
    if (type == nullptr || (call.evidence & types::kSiteCallEntry) == 0) continue;
    std::string text = call.provenance == types::Provenance::new_expression ? "exact " : "strong ";
    text += image->text(type->name);
    text += call.shape == types::Shape::one ? " (one)" : " (array)";
    // A move of a number and a call are 5 bytes each.
    const std::size_t which = calls.size() == 1 ? 0 : (call.return_address - low) / 10 - 1;
    told.at(which) = text;
  }
  return told;
}

std::string told_of(const Call& call) { return told_of(std::vector{call})[0]; }

TEST(CallTypes, ANewExpressionMakesOne) {
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "large"}), "exact large (one)");
  EXPECT_EQ(told_of({"mov $4, %edi", "_Znwm", "integer"}), "exact int$32 (one)");
}

TEST(CallTypes, ATypedefIsWhatItStandsFor) {
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "spelt"}), "exact large (one)");
}

TEST(CallTypes, EntriesFromBeforeDwarf5AreRead) {
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "large", true}), "exact large (one)");
}

TEST(CallTypes, AnArrayMayHaveANumberInFront) {
  EXPECT_EQ(told_of({"mov $72, %edi", "_Znam", "large"}), "exact __ARR0_large (array)");
  EXPECT_EQ(told_of({"mov $80, %edi", "_Znam", "large"}), "-");  // has one
  EXPECT_EQ(told_of({"mov (%rsi), %rdi", "_Znam", "large"}), "exact __ARR0_large (array)");
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znam", "small"}), "-");  // three, or two behind a number
  EXPECT_EQ(told_of({"mov (%rsi), %rdi", "_Znam", "small"}), "-");
  EXPECT_EQ(told_of({"mov (%rsi), %rdi", "_Znam", "integer"}), "exact __ARR0_int$32 (array)");
}

TEST(CallTypes, OtherCallsAreBelievedLess) {
  EXPECT_EQ(told_of({"mov $24, %edi", "get", "large"}), "strong __ARR0_large (array)");
}

TEST(CallTypes, WhatIsNoWholeTypeTellsNothing) {
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "unknown"}), "-");   // only declared
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "function"}), "-");  // no type
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "0"}), "-");         // the unit itself
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "17"}), "-");        // no entry begins there
  EXPECT_EQ(told_of({"mov $24, %edi", "_Znwm", "0xfffffff0"}), "-");
}

TEST(CallTypes, DamageToOneEntryLeavesTheOthers) {
  const std::vector<std::string> expected{"exact large (one)", "-", "exact int$32 (one)"};
  EXPECT_EQ(told_of({{"mov $24, %edi", "_Znwm", "large"},
                     {"mov $24, %edi", "_Znwm", "0x7fffffff"},
                     {"mov $4, %edi", "_Znwm", "integer"}}),
            expected);
}

}  // namespace
}  // namespace allocs::meta
