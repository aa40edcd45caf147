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
// A full decoder knows operands as well and has megabytes of tables. A guest needs to know only where the next instruction begins, and who looks through
// all code of a program for a few opcodes needs the fields that lie in its way.
#include "elf/x86_instruction.h"

#include <cstring>

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
  using Map = InstructionFields::Map;
  using Form = InstructionFields::Form;

  const std::uint8_t* code;
  std::size_t left;
  std::size_t at = 0;
  InstructionFields fields{};
  bool has_prefix = false;  // one that vector prefixes do not go with

  bool has(std::size_t count) const { return left - at >= count; }
  std::size_t operand_size() const { return fields.w ? 4 : fields.is_short ? 2 : 4; }

  template <class Number>
  std::int64_t number() {
    Number n;
    std::memcpy(&n, code + at, sizeof n);
    at += sizeof n;
    return n;
  }
  // Of 0 to 4 or of 8 bytes; what is longer than one number (`enter`) is passed over.
  std::int64_t number_of(std::size_t size) {
    switch (size) {
      case 1:
        return number<std::int8_t>();
      case 2:
        return number<std::int16_t>();
      case 4:
        return number<std::int32_t>();
      case 8:
        return number<std::int64_t>();
      default:
        at += size;
        return 0;
    }
  }
  std::size_t end_after(std::size_t constant) {
    if (!has(constant)) return kNone;
    fields.constant_size = static_cast<std::uint8_t>(constant);
    fields.constant = number_of(constant);
    return at;
  }

  void take_modrm() {
    const unsigned modrm = code[at++];
    fields.has_modrm = true;
    fields.mod = modrm >> 6;
    fields.reg = modrm >> 3 & 7;
    fields.rm = modrm & 7;
  }
  // ModRM, SIB and displacement; then `constant` bytes.
  std::size_t end_of_operand(std::size_t constant) {
    if (!has(1)) return kNone;
    take_modrm();
    if (fields.mod == 3) return end_after(constant);
    std::size_t displacement = fields.mod == 1 ? 1 : fields.mod == 2 ? 4 : 0;
    if (fields.rm == 4) {
      if (!has(1)) return kNone;
      const unsigned sib = code[at++];
      fields.has_sib = true;
      fields.scale = sib >> 6;
      fields.index = sib >> 3 & 7;
      fields.base = sib & 7;
      if (fields.mod == 0 && fields.base == 5) displacement = 4;
    } else if (fields.mod == 0 && fields.rm == 5) {
      displacement = 4;
    }
    if (!has(displacement + constant)) return kNone;
    fields.displacement = number_of(displacement);
    return end_after(constant);
  }
  // Registers, whatever the mode says.
  std::size_t end_of_registers() {
    if (!has(1)) return kNone;
    take_modrm();
    return at;
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
        return end_after(fields.w ? 8 : operand_size());
      case 'a':
        return end_after(fields.has_small_address ? 4 : 8);
      case 'j':
        return end_after(4);
      case 'B':
        return end_of_operand(1);
      case 'Z':
        return end_of_operand(operand_size());
      case 'e':
        return end_after(3);
      case 'c':
        return end_of_registers();
      case '6':
        return end_of_operand(reg_field() < 2 ? 1 : 0);
      case '7':
        return end_of_operand(reg_field() < 2 ? operand_size() : 0);
      // vmread; with a prefix an instruction of SSE4a that has two constants.
      case 'I':
        return end_of_operand(fields.is_short || fields.has_repne ? 2 : 0);
      default:
        return kNone;
    }
  }

  std::size_t end_of_two_bytes() {
    if (!has(1)) return kNone;
    fields.map = Map::two_bytes;
    fields.opcode = code[at++];
    const char letter = kTwoBytes[fields.opcode];
    if (letter != 'T' && letter != 'U') return end_by(letter);
    if (!has(1)) return kNone;
    fields.map = Map::other;
    fields.opcode = code[at++];
    return end_of_operand(letter == 'U' ? 1 : 0);
  }

  static bool has_constant_in_first_map(unsigned opcode) {
    return (opcode >= 0x70 && opcode <= 0x73) || opcode == 0xC2 ||
           (opcode >= 0xC4 && opcode <= 0xC6);
  }
  // Behind VEX and EVEX; a map that nobody uses has no instructions.
  std::size_t end_of_vector(unsigned map, Form form) {
    if (has_prefix || !has(1)) return kNone;
    const bool is_evex = form == Form::other;
    fields.form = form;
    fields.map = map == 1 ? Map::two_bytes : Map::other;
    fields.opcode = code[at++];
    if (map == 1) {
      if (fields.opcode == 0x77 && !is_evex) return at;
      return end_of_operand(has_constant_in_first_map(fields.opcode) ? 1 : 0);
    }
    if (map == 2) return end_of_operand(0);
    if (map == 3) return end_of_operand(1);
    return is_evex && (map == 5 || map == 6) ? end_of_operand(0) : kNone;
  }

  void take_register_bits(unsigned inverted) {
    fields.r = (inverted & 0x80) == 0;
    fields.x = (inverted & 0x40) == 0;
    fields.b = (inverted & 0x20) == 0;
  }
  void take_vector_bits(unsigned byte) {
    fields.vector_prefix = byte & 3;
    fields.is_long_vector = (byte & 4) != 0;
  }
  std::size_t end_of_vector_prefix(unsigned first) {
    if (first == 0xC5) {
      if (!has(1)) return kNone;
      const unsigned second = code[at++];
      take_register_bits(second | 0x60);
      take_vector_bits(second);
      return end_of_vector(1, Form::vex);
    }
    if (first == 0xC4) {
      if (!has(2)) return kNone;
      const unsigned second = code[at], third = code[at + 1];
      at += 2;
      take_register_bits(second);
      take_vector_bits(third);
      fields.w = (third & 0x80) != 0;
      return end_of_vector(second & 0x1F, Form::vex);
    }
    if (!has(3)) return kNone;
    const unsigned second = code[at], third = code[at + 1];
    at += 3;
    take_register_bits(second);
    fields.w = (third & 0x80) != 0;
    const bool is_evex = (second & 8) == 0 && (third & 4) != 0;
    return is_evex ? end_of_vector(second & 7, Form::other) : kNone;
  }

  // 8F: pop, or AMD's XOP, whose maps have the numbers that pop's operand cannot have.
  std::size_t end_of_pop() {
    if (!has(1)) return kNone;
    const unsigned second = code[at], map = second & 0x1Fu;
    if (map < 8) return reg_field() == 0 ? end_of_operand(0) : kNone;
    if (has_prefix || map > 10 || !has(3)) return kNone;
    take_register_bits(second);
    at += 3;
    fields.form = Form::other;
    fields.map = Map::other;
    fields.opcode = code[at - 1];
    return end_of_operand(map == 8 ? 1 : map == 9 ? 0 : 4);
  }

  void note_prefix(unsigned prefix) {
    fields.is_short |= prefix == 0x66;
    fields.has_small_address |= prefix == 0x67;
    fields.has_lock |= prefix == 0xF0;
    if (prefix == 0xF2 || prefix == 0xF3) {  // the last one counts
      fields.has_repne = prefix == 0xF2;
      fields.has_rep = prefix == 0xF3;
    }
    fields.is_thread_local |= prefix == 0x64 || prefix == 0x65;
    has_prefix |= prefix == 0x66 || prefix == 0xF0 || prefix == 0xF2 || prefix == 0xF3;
  }
  void note_rex(unsigned byte) {
    fields.has_rex = true;
    fields.w = (byte & 8) != 0;
    fields.r = (byte & 4) != 0;
    fields.x = (byte & 2) != 0;
    fields.b = (byte & 1) != 0;
    has_prefix = true;
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
        if (counts) note_rex(byte);
        continue;
      }
      if (letter == 'E') return end_of_two_bytes();
      if (letter == 'V') return end_of_vector_prefix(byte);
      fields.opcode = static_cast<std::uint8_t>(byte);
      return letter == 'X' ? end_of_pop() : end_by(letter);
    }
    return kNone;
  }
};

}  // namespace

InstructionFields instruction_fields(const std::uint8_t* code, std::size_t left) {
  Decoder decoder{code, left < kLongestInstruction ? left : kLongestInstruction};
  decoder.fields.length = static_cast<std::uint8_t>(decoder.end());
  return decoder.fields;
}

std::size_t instruction_length(const std::uint8_t* code, std::size_t left) {
  return instruction_fields(code, left).length;
}

}  // namespace allocs::elf
