// SPDX-License-Identifier: Apache-2.0
// What we read of instructions ourselves, against a disassembler.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "elf/x86_instruction.h"
#include "meta/common_instructions.h"

namespace allocs::meta {
namespace {

class Disassembler {
 public:
  Disassembler() { ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); }
  // 0 for no instruction.
  std::size_t length(const std::uint8_t* code, std::size_t left) const {
    ZydisDecodedInstruction instruction;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&decoder_, nullptr, code, left, &instruction)) ||
        is_of_coprocessor(instruction))
      return 0;
    return instruction.length;
  }

 private:
  // Knights Corner gave some encodings meanings of its own; no process of Linux runs on it.
  static bool is_of_coprocessor(const ZydisDecodedInstruction& instruction) {
    return std::string_view(ZydisISAExtGetString(instruction.meta.isa_ext)).starts_with("KNC");
  }
  ZydisDecoder decoder_;
};

using Code = std::span<const std::uint8_t>;

std::string text_of(Code code) {
  std::string text;
  for (const std::uint8_t each : code.first(std::min(code.size(), elf::kLongestInstruction))) {
    char byte[4];
    std::snprintf(byte, sizeof byte, "%02x ", each);
    text += byte;
  }
  return text;
}

// The segments of code that this very process has loaded, this program's first.
std::vector<Code> loaded_code() {
  std::vector<Code> found;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          static_cast<std::vector<Code>*>(context)->emplace_back(
              reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr),
              segment.p_memsz);
        }
        return 0;
      },
      &found);
  return found;
}

// Calls look(code), to the end of the segment, from each byte of all loaded code: what compilers make is among it, and much that they do not.
template <typename Look>
void for_each_byte_of_loaded_code(Look look) {
  for (const Code segment : loaded_code()) {
    for (std::size_t at = 0; at + elf::kLongestInstruction <= segment.size(); ++at)
      look(segment.subspan(at));
  }
}

// Calls look(code) for bytes by chance, which prefixes and opcodes by chance begin: they reach what compilers do not make.
template <typename Look>
void for_bytes_by_chance(int rounds, Look look) {
  constexpr std::uint8_t kStarts[] = {0x66, 0x67, 0xF2, 0xF3, 0x48, 0x0F, 0x41, 0x4C,
                                      0x44, 0xC4, 0xC5, 0x62, 0x8F, 0x2E, 0x64, 0xF0};
  std::mt19937 random(20240607);
  for (int round = 0; round < rounds; ++round) {
    std::uint8_t code[elf::kLongestInstruction];
    for (std::uint8_t& byte : code) byte = static_cast<std::uint8_t>(random());
    const unsigned starts = random() % 4;
    for (unsigned i = 0; i < starts; ++i) code[i] = kStarts[random() % sizeof kStarts];
    look(Code(code));
  }
}

struct LengthComparison {
  Disassembler disassembler;
  std::size_t instructions = 0, differences = 0;

  void look_at(Code code) {
    const std::size_t known = disassembler.length(code.data(), code.size());
    if (known == 0) return;
    ++instructions;
    const std::size_t told = elf::instruction_length(code.data(), code.size());
    if (told == known) return;
    if (++differences <= 20)
      ADD_FAILURE() << text_of(code) << "is " << known << " long, not " << told;
  }
};

TEST(InstructionLength, AgreesWithADisassemblerAboutAllLoadedCode) {
  LengthComparison all;
  for_each_byte_of_loaded_code([&](Code code) { all.look_at(code); });
  EXPECT_GT(all.instructions, 1000000u);
  EXPECT_EQ(all.differences, 0u);
}

TEST(InstructionLength, AgreesWithADisassemblerAboutAnyBytes) {
  LengthComparison all;
  for_bytes_by_chance(3000000, [&](Code code) { all.look_at(code); });
  EXPECT_GT(all.instructions, 1000000u);
  EXPECT_EQ(all.differences, 0u);
}

std::string text_of(const Operand& o) {
  char text[160];
  std::snprintf(text, sizeof text, "{kind %d size %d gpr %d high %d number %lld [%d %d*%d %d]}",
                static_cast<int>(o.kind), o.size, static_cast<int>(o.gpr), o.high_byte,
                static_cast<long long>(o.number), static_cast<int>(o.base),
                static_cast<int>(o.index), o.scale, o.known);
  return text;
}
std::string text_of(const Instruction& i) {
  return "length " + std::to_string(i.length) + " operation " +
         std::to_string(static_cast<int>(i.operation)) + " writes " + std::to_string(i.writes) +
         " condition " + std::to_string(i.condition) + " " + text_of(i.first) + text_of(i.second) +
         text_of(i.third);
}

struct Comparison {
  std::size_t common = 0, others = 0, differences = 0;

  void look_at(Code code) {
    constexpr std::uint64_t kAddress = 0x400000;
    const auto mine =
        common_instruction(elf::instruction_fields(code.data(), code.size()), kAddress);
    ++(mine ? common : others);
    if (!mine) return;
    const auto known = disassemble(std::as_bytes(code), kAddress);
    if (known && *mine == *known) return;
    if (++differences <= 20)
      ADD_FAILURE() << text_of(code) << "\nis  " << (known ? text_of(*known) : "none") << "\nnot "
                    << text_of(*mine);
  }
};

TEST(CommonInstructions, AreWhatADisassemblerSeesInAllLoadedCode) {
  Comparison all;
  for_each_byte_of_loaded_code([&](Code code) { all.look_at(code); });
  EXPECT_GT(all.common, 1000000u);
  EXPECT_EQ(all.differences, 0u);
}

TEST(CommonInstructions, AreWhatADisassemblerSeesInAnyBytes) {
  Comparison all;
  for_bytes_by_chance(1000000, [&](Code code) { all.look_at(code); });
  EXPECT_GT(all.common, 200000u);
  EXPECT_EQ(all.differences, 0u);
}

// This program's own, instruction after instruction: nine in ten should need no disassembler.
TEST(CommonInstructions, AreMostOfCompiledCode) {
  Comparison all;
  for (Code code = loaded_code().front(); !code.empty();) {
    all.look_at(code);
    code =
        code.subspan(std::max<std::size_t>(elf::instruction_length(code.data(), code.size()), 1));
  }
  EXPECT_GT(all.common, all.others * 8);
}

}  // namespace
}  // namespace allocs::meta
