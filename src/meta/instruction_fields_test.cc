// SPDX-License-Identifier: Apache-2.0
// What we read of instructions ourselves, against a disassembler.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <cstdio>
#include <random>
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

std::string text_of(const std::uint8_t* code, std::size_t left = elf::kLongestInstruction) {
  std::string text;
  for (std::size_t i = 0; i < std::min(left, elf::kLongestInstruction); ++i) {
    char byte[4];
    std::snprintf(byte, sizeof byte, "%02x ", code[i]);
    text += byte;
  }
  return text;
}

// Every instruction of all code that this very process has loaded, from each of its bytes.
TEST(InstructionLength, AgreesWithADisassemblerAboutAllLoadedCode) {
  struct Tally {
    Disassembler disassembler;
    std::size_t instructions = 0, differences = 0;
  } tally;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        auto& all = *static_cast<Tally*>(context);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const auto* code =
              reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr);
          for (std::size_t at = 0; at + elf::kLongestInstruction <= segment.p_memsz; ++at) {
            const std::size_t left = segment.p_memsz - at;
            const std::size_t known = all.disassembler.length(code + at, left);
            if (known == 0) continue;
            ++all.instructions;
            if (elf::instruction_length(code + at, left) == known) continue;
            if (++all.differences <= 10)
              ADD_FAILURE() << text_of(code + at) << "is " << known << " long, not "
                            << elf::instruction_length(code + at, left);
          }
        }
        return 0;
      },
      &tally);
  EXPECT_GT(tally.instructions, 1000000u);
  EXPECT_EQ(tally.differences, 0u);
}

// Bytes by chance, behind prefixes and opcodes by chance, reach what compilers do not make.
TEST(InstructionLength, AgreesWithADisassemblerAboutAnyBytes) {
  const Disassembler disassembler;
  std::mt19937 random(20240607);
  constexpr std::uint8_t kStarts[] = {0x66, 0x67, 0xF2, 0xF3, 0x48, 0x0F, 0xC4,
                                      0xC5, 0x62, 0x8F, 0x2E, 0x41, 0xF0};
  std::size_t instructions = 0, differences = 0, too_many = 0;
  for (int round = 0; round < 3000000; ++round) {
    std::uint8_t code[elf::kLongestInstruction];
    for (std::uint8_t& byte : code) byte = static_cast<std::uint8_t>(random());
    const unsigned starts = random() % 4;
    for (unsigned i = 0; i < starts; ++i) code[i] = kStarts[random() % sizeof kStarts];
    const std::size_t known = disassembler.length(code, sizeof code);
    const std::size_t told = elf::instruction_length(code, sizeof code);
    if (known == 0) {
      too_many += told != 0 ? 1 : 0;
      continue;
    }
    ++instructions;
    if (told == known) continue;
    if (++differences <= 20)
      ADD_FAILURE() << text_of(code) << "is " << known << " long, not " << told;
  }
  EXPECT_EQ(differences, 0u);
  EXPECT_GT(instructions, 1000000u);
  RecordProperty("undefined_but_told", static_cast<int>(too_many));
}

std::string text_of(const Operand& o) {
  char text[160];
  std::snprintf(text, sizeof text, "{kind %d size %d gpr %d high %d imm %lld [%d %d*%d %lld %d]}",
                static_cast<int>(o.kind), o.size, static_cast<int>(o.gpr), o.high_byte,
                static_cast<long long>(o.immediate), static_cast<int>(o.memory.base),
                static_cast<int>(o.memory.index), o.memory.scale,
                static_cast<long long>(o.memory.displacement), o.memory.known);
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

  void look_at(const std::uint8_t* code, std::size_t left) {
    constexpr std::uint64_t kAddress = 0x400000;
    const auto mine = common_instruction(elf::instruction_fields(code, left), kAddress);
    ++(mine ? common : others);
    if (!mine) return;
    const auto known = disassemble(std::as_bytes(std::span(code, left)), kAddress);
    if (known && *mine == *known) return;
    if (++differences <= 20)
      ADD_FAILURE() << text_of(code, left) << "\nis  " << (known ? text_of(*known) : "none")
                    << "\nnot " << text_of(*mine);
  }
};

// From each byte of the code that this process has loaded, so what compilers make is among it, and much that they do not.
TEST(CommonInstructions, AreWhatADisassemblerSeesInAllLoadedCode) {
  Comparison all;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        auto& comparison = *static_cast<Comparison*>(context);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const auto* code =
              reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr);
          for (std::size_t at = 0; at + elf::kLongestInstruction <= segment.p_memsz; ++at)
            comparison.look_at(code + at, segment.p_memsz - at);
        }
        return 0;
      },
      &all);
  EXPECT_GT(all.common, 1000000u);
  EXPECT_EQ(all.differences, 0u);
}

TEST(CommonInstructions, AreWhatADisassemblerSeesInAnyBytes) {
  std::mt19937 random(20240607);
  constexpr std::uint8_t kStarts[] = {0x66, 0x67, 0xF2, 0xF3, 0x48, 0x0F, 0x41,
                                      0x4C, 0x62, 0x64, 0x2E, 0x44, 0xF0};
  Comparison all;
  for (int round = 0; round < 1000000; ++round) {
    std::uint8_t code[elf::kLongestInstruction];
    for (std::uint8_t& byte : code) byte = static_cast<std::uint8_t>(random());
    const unsigned starts = random() % 4;
    for (unsigned i = 0; i < starts; ++i) code[i] = kStarts[random() % sizeof kStarts];
    all.look_at(code, sizeof code);
  }
  EXPECT_GT(all.common, 200000u);
  EXPECT_EQ(all.differences, 0u);
}

// Instruction after instruction, as compilers made them: nine in ten should need no disassembler.
TEST(CommonInstructions, AreMostOfCompiledCode) {
  Comparison all;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        auto& comparison = *static_cast<Comparison*>(context);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const auto* code =
              reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr);
          for (std::size_t at = 0; at < segment.p_memsz;) {
            comparison.look_at(code + at, segment.p_memsz - at);
            at +=
                std::max<std::size_t>(elf::instruction_length(code + at, segment.p_memsz - at), 1);
          }
        }
        return 1;  // this program's own code alone
      },
      &all);
  EXPECT_GT(all.common, all.others * 8);
}

}  // namespace
}  // namespace allocs::meta
