// SPDX-License-Identifier: Apache-2.0
//
// An instruction is a run of prefixes, an opcode in one of several maps, and what the opcode asks for: a ModRM byte, with what that asks
// for in turn, and a constant. So its length follows from one letter for each opcode:
//
//   . nothing     m ModRM         b 8-bit constant    w 16-bit   z 16 or 32 bits by operand size   v the same, or 64
//   a address     j 32-bit        B ModRM and b       Z ModRM and z       e w and b (enter)
//   c ModRM that names registers whatever its mode says    6 7 groups of which only some have a constant
//   p prefix      R REX prefix    T U E further maps       V X vector prefixes or an older instruction    I see there
//   x none
//
// Example: 48 8B 84 24 80 00 00 00 is REX, `m`, ModRM 84 (mode 2, base in a SIB byte: 24), four bytes of displacement: 8.
//
// A full decoder knows operands as well and has megabytes of tables; a guest needs to know only where the next instruction begins.
#include "elf/x86_length.h"

namespace allocs::elf {

namespace {

constexpr char kOneByte[] =
    "mmmmbzxxmmmmbzxE"   // 00
    "mmmmbzxxmmmmbzxx"   // 10
    "mmmmbzpxmmmmbzpx"   // 20
    "mmmmbzpxmmmmbzpx"   // 30
    "RRRRRRRRRRRRRRRR"   // 40
    "................"   // 50
    "xxVmppppzZbB...."   // 60
    "bbbbbbbbbbbbbbbb"   // 70
    "BZxBmmmmmmmmmmmX"   // 80
    "..........x....."   // 90
    "aaaa....bz......"   // a0
    "bbbbbbbbvvvvvvvv"   // b0
    "BBw.VVBZe.w..bx."   // c0
    "mmmmxxx.mmmmmmmm"   // d0
    "bbbbbbbbjjxb...."   // e0
    "p.pp..67......mm";  // f0
static_assert(sizeof kOneByte == 257);

// Behind 0F.
constexpr char kTwoBytes[] =
    "mmmmx.....x.xm.B"   // 00
    "mmmmmmmmmmmmmmmm"   // 10
    "ccccxxxxmmmmmmmm"   // 20
    "......x.TxUxxxxx"   // 30
    "mmmmmmmmmmmmmmmm"   // 40
    "mmmmmmmmmmmmmmmm"   // 50
    "mmmmmmmmmmmmmmmm"   // 60
    "BBBBmmm.Imxxmmmm"   // 70
    "jjjjjjjjjjjjjjjj"   // 80
    "mmmmmmmmmmmmmmmm"   // 90
    "...mBmmm...mBmmm"   // a0
    "mmmmmmmmmmBmmmmm"   // b0
    "mmBmBBBm........"   // c0
    "mmmmmmmmmmmmmmmm"   // d0
    "mmmmmmmmmmmmmmmm"   // e0
    "mmmmmmmmmmmmmmmm";  // f0
static_assert(sizeof kTwoBytes == 257);

constexpr std::size_t kNone = 0;

struct Decoder {
  const std::uint8_t* code;
  std::size_t left;
  std::size_t at = 0;
  bool is_short = false;  // 66: 16-bit operands
  bool is_wide = false;   // REX.W
  bool has_small_address = false;
  bool has_repne = false;
  bool has_prefix = false;  // one that vector prefixes do not go with

  bool has(std::size_t count) const { return left - at >= count; }
  std::size_t end_after(std::size_t count) const { return has(count) ? at + count : kNone; }
  std::size_t operand_size() const { return is_wide ? 4 : is_short ? 2 : 4; }

  // ModRM, SIB and displacement; then `constant` bytes.
  std::size_t end_of_operand(std::size_t constant) {
    if (!has(1)) return kNone;
    const unsigned modrm = code[at++];
    const unsigned mode = modrm >> 6, base = modrm & 7;
    if (mode == 3) return end_after(constant);
    std::size_t displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0;
    if (base == 4) {
      if (!has(1)) return kNone;
      if (mode == 0 && (code[at] & 7) == 5) displacement = 4;
      ++at;
    } else if (mode == 0 && base == 5) {
      displacement = 4;
    }
    return end_after(displacement + constant);
  }

  unsigned reg_field() const { return has(1) ? code[at] >> 3 & 7u : 0; }

  std::size_t end_by(char letter) {
    switch (letter) {
      case '.':
        return at;
      case 'm':
        return end_of_operand(0);
      case 'b':
        return end_after(1);
      case 'w':
        return end_after(2);
      case 'z':
        return end_after(operand_size());
      case 'v':
        return end_after(is_wide ? 8 : operand_size());
      case 'a':
        return end_after(has_small_address ? 4 : 8);
      case 'j':
        return end_after(4);
      case 'B':
        return end_of_operand(1);
      case 'Z':
        return end_of_operand(operand_size());
      case 'e':
        return end_after(3);
      case 'c':
        return end_after(1);
      case '6':
        return end_of_operand(reg_field() < 2 ? 1 : 0);
      case '7':
        return end_of_operand(reg_field() < 2 ? operand_size() : 0);
      // vmread; with a prefix an instruction of SSE4a that has two constants.
      case 'I':
        return end_of_operand(is_short || has_repne ? 2 : 0);
      default:
        return kNone;
    }
  }

  std::size_t end_of_two_bytes() {
    if (!has(1)) return kNone;
    const char letter = kTwoBytes[code[at++]];
    if (letter != 'T' && letter != 'U') return end_by(letter);
    if (!has(1)) return kNone;
    ++at;
    return end_of_operand(letter == 'U' ? 1 : 0);
  }

  static bool has_constant_in_first_map(unsigned opcode) {
    return (opcode >= 0x70 && opcode <= 0x73) || opcode == 0xC2 ||
           (opcode >= 0xC4 && opcode <= 0xC6);
  }
  // Behind VEX and EVEX; a map that nobody uses has no instructions.
  std::size_t end_of_vector(unsigned map, bool is_evex) {
    if (has_prefix || !has(1)) return kNone;
    const unsigned opcode = code[at++];
    if (map == 1) {
      if (opcode == 0x77 && !is_evex) return at;
      return end_of_operand(has_constant_in_first_map(opcode) ? 1 : 0);
    }
    if (map == 2) return end_of_operand(0);
    if (map == 3) return end_of_operand(1);
    return is_evex && (map == 5 || map == 6) ? end_of_operand(0) : kNone;
  }

  std::size_t end_of_vector_prefix(unsigned first) {
    if (first == 0xC5) {
      if (!has(1)) return kNone;
      ++at;
      return end_of_vector(1, false);
    }
    if (first == 0xC4) {
      if (!has(2)) return kNone;
      at += 2;
      return end_of_vector(code[at - 2] & 0x1Fu, false);
    }
    if (!has(3)) return kNone;
    at += 3;
    const bool is_evex = (code[at - 3] & 8) == 0 && (code[at - 2] & 4) != 0;
    return is_evex ? end_of_vector(code[at - 3] & 7u, true) : kNone;
  }

  // 8F: pop, or AMD's XOP, whose maps have the numbers that pop's operand cannot have.
  std::size_t end_of_pop() {
    if (!has(1)) return kNone;
    const unsigned map = code[at] & 0x1Fu;
    if (map < 8) return reg_field() == 0 ? end_of_operand(0) : kNone;
    if (has_prefix || map > 10 || !has(3)) return kNone;
    at += 3;
    return end_of_operand(map == 8 ? 1 : map == 9 ? 0 : 4);
  }

  void note_prefix(unsigned prefix) {
    is_short |= prefix == 0x66;
    has_small_address |= prefix == 0x67;
    has_repne |= prefix == 0xF2;
    has_prefix |= prefix == 0x66 || prefix == 0xF0 || prefix == 0xF2 || prefix == 0xF3;
  }

  std::size_t end() {
    while (has(1)) {
      const unsigned byte = code[at++];
      const char letter = kOneByte[byte];
      if (letter == 'p') {
        note_prefix(byte);
        continue;
      }
      if (letter == 'R') {
        // One that another prefix follows does not count.
        const bool counts = has(1) && kOneByte[code[at]] != 'p' && kOneByte[code[at]] != 'R';
        is_wide |= counts && (byte & 8) != 0;
        has_prefix |= counts;
        continue;
      }
      if (letter == 'E') return end_of_two_bytes();
      if (letter == 'V') return end_of_vector_prefix(byte);
      if (letter == 'X') return end_of_pop();
      return end_by(letter);
    }
    return kNone;
  }
};

}  // namespace

std::size_t instruction_length(const std::uint8_t* code, std::size_t left) {
  Decoder decoder{code, left < kLongestInstruction ? left : kLongestInstruction};
  return decoder.end();
}

}  // namespace allocs::elf
