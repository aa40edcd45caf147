// SPDX-License-Identifier: Apache-2.0
// The decoder of the run time, which tells only lengths, against a disassembler.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "elf/x86_length.h"

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

std::string text_of(const std::uint8_t* code) {
  std::string text;
  for (std::size_t i = 0; i < elf::kLongestInstruction; ++i) {
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

}  // namespace
}  // namespace allocs::meta
