// SPDX-License-Identifier: Apache-2.0
#include "meta/code_scan.h"

#include <algorithm>
#include <array>
#include <optional>

#include "elf/x86_instruction.h"

// The pass that every byte of code goes through, so it is cheap: of an instruction only the fields are read (elf/x86_instruction.h), and the
// few opcodes of interest are taken apart here. Functions that allocate are then decoded in full (machine_code.h) and
// followed value by value (value_flow.h). A disassembler took three quarters of this pass's time.
//
// What it remembers from one instruction to the next is which register holds which address that was taken last. That is enough to
// tell the address of a text from the address of a jump table or of a constant that is copied:
//
//     lea    rdx, [rip + X]              address of X taken, in rdx
//     movsxd rax, dword [rdx + rax*4]    ... X is a table, not a text
//
//     lea    rsi, [rip + Y]              address of Y taken, in rsi
//     mov    edx, 400
//     call   memcpy                      ... 400 bytes at Y are one thing
//
// Forgetting is by opcode (most writes to registers are mov, lea, pop, add ...). A register that is wrongly believed to hold an
// address can only make a text look like a table, and then it is left out.
namespace allocs::meta {
namespace {

constexpr std::size_t kNoReference = ~std::size_t{0};

enum Opcode : std::uint8_t {
  kPush = 0x50,
  kPop = 0x58,
  kMovsxd = 0x63,
  kPushImmediate = 0x68,
  kMovToMemory = 0x89,
  kMov = 0x8B,
  kLea = 0x8D,
  kMovs8 = 0xA4,
  kMovs = 0xA5,
  kMovImmediate8 = 0xB0,
  kMovImmediate = 0xB8,
  kMovMemoryImmediate = 0xC7,
  kCall = 0xE8,
  kJump = 0xE9,
  kJumpShort = 0xEB,
  kXor = 0x31,
  kCompare = 0x39,
  kBranchShort = 0x70,  // and the next fifteen
  kTestByte = 0x84,
  kTest = 0x85,
  kReturn = 0xC3,
  kIndirect = 0xFF,
};

// Intel's numbering, as in the instruction's bytes.
enum Raw : unsigned { kRawCx = 1, kRawDx = 2, kRawSp = 4, kRawSi = 6, kRawDi = 7 };
constexpr std::uint32_t kRawCallClobbers = 0x0FC7;  // ax cx dx si di r8-r11

bool is_copy_function(std::string_view name) {
  return name == "memcpy" || name == "memmove" || name == "__memcpy_chk" ||
         name == "__memmove_chk" || name == "mempcpy";
}

class Scanner {
 public:
  Scanner(const ElfFile& object, const Linkage& linkage, std::span<const std::uint64_t> starts)
      : linkage_(linkage), starts_(starts) {
    fixed_ = object.header().e_type == ET_EXEC;
    for (const Section& section : object.sections()) {
      if ((section.flags & SHF_ALLOC) == 0 || (section.flags & SHF_EXECINSTR) != 0) continue;
      data_.push_back(&section);
    }
  }

  void scan(const Section& section) {
    auto start = std::lower_bound(starts_.begin(), starts_.end(), section.address);
    const std::uint64_t end = section.address + section.bytes.size();
    std::uint64_t low = section.address;
    while (low < end) {
      while (start != starts_.end() && *start <= low) ++start;
      const std::uint64_t high = start == starts_.end() ? end : std::min(end, *start);
      scan_function(section.bytes.subspan(low - section.address, high - low), low);
      low = high;
    }
  }

  CodeScan take() { return std::move(result_); }

 private:
  using Fields = elf::InstructionFields;

  void scan_function(std::span<const std::byte> bytes, std::uint64_t low) {
    low_ = low;
    high_ = low + bytes.size();
    forget(0xFFFF);
    watched_ = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      raw_ = elf::instruction_fields(reinterpret_cast<const std::uint8_t*>(bytes.data()) + at,
                                     bytes.size() - at);
      if (raw_.length == 0) {
        ++at;
        continue;
      }
      at_ = low + at;
      at += raw_.length;
      ++result_.instructions;
      step();
    }
  }

  void step() {
    if (watched_ > 0) watch_result();
    note_table();
    note_slot();
    note_read();
    if (is_plain()) {
      plain_opcode();
    } else if (raw_.map == Fields::Map::two_bytes &&
               (raw_.opcode == 0xAF || (raw_.opcode & 0xF0) == 0x40 || raw_.opcode == 0xB6 ||
                raw_.opcode == 0xB7 || raw_.opcode == 0xBE || raw_.opcode == 0xBF)) {
      forget_one(register_field());  // imul, cmov, movzx, movsx
    }
  }

  void plain_opcode() {
    const std::uint8_t opcode = raw_.opcode;
    switch (opcode) {
      case kCall:
        return call(at_ + raw_.length + immediate());
      case kJump:
      case kJumpShort: {
        const std::uint64_t target = at_ + raw_.length + immediate();
        if (target < low_ || target >= high_) result_.calls.push_back({at_, 0, target});
        return;
      }
      case kLea:
        return lea();
      case kMov:
        return copy(register_field(), raw_.mod == 3 ? rm_field() : kNobody);
      case kMovToMemory:
        if (raw_.mod == 3) copy(rm_field(), register_field());
        return;
      case kReturn:
        return result_.returns.push_back(at_);
      case kMovsxd:
        return forget_one(register_field());
      case kMovMemoryImmediate:
      case kPushImmediate:
        if (fixed_) take_address(immediate(), kNobody);
        return;
      case kMovs8:
        return string_copy(1);
      case kMovs:
        return string_copy(raw_.w ? 8 : 4);
      case kIndirect:
        if (raw_.reg == 2) {
          call_indirect();
        } else if (raw_.reg == 4) {
          jump_indirect();
        } else if (raw_.mod == 3 && raw_.reg < 2) {
          forget_one(rm_field());
        }
        return;
      default:
        break;
    }
    if ((opcode & 0xF8) == kMovImmediate) {
      const unsigned reg = (opcode & 7u) | (raw_.b ? 8u : 0u);
      forget_one(reg);
      constants_[reg] = immediate();
      if (fixed_) take_address(immediate(), reg);
    } else if ((opcode & 0xF8) == kPop) {
      forget_one((opcode & 7u) | (raw_.b ? 8u : 0u));
    } else if (opcode < 0x40 && (opcode & 7) < 4 &&
               (opcode & 0x38) != 0x38) {  // add, or, ..., xor: two operands
      forget_one((opcode & 2) != 0 ? register_field() : rm_field());
    } else if ((opcode == 0x81 || opcode == 0x83) && raw_.mod == 3 && raw_.reg != 7) {
      forget_one(rm_field());
    }
  }

  // --- what the instruction's fields say

  static constexpr unsigned kNobody = 16;
  unsigned register_field() const { return raw_.reg | (raw_.r ? 8u : 0u); }
  unsigned rm_field() const { return raw_.mod == 3 ? raw_.rm | (raw_.b ? 8u : 0u) : kNobody; }
  std::uint64_t immediate() const { return static_cast<std::uint64_t>(raw_.constant); }
  bool is_plain() const { return raw_.map == Fields::Map::one_byte; }
  std::optional<std::uint64_t> rip_place() const {
    if (!raw_.has_modrm || raw_.mod != 0 || raw_.rm != 5) return std::nullopt;
    return at_ + raw_.length + static_cast<std::uint64_t>(raw_.displacement);
  }

  // --- what is known of registers

  void forget_one(unsigned reg) {
    if (reg >= 16) return;
    holds_[reg] = kNoReference;
    constants_[reg] = std::nullopt;
  }
  void forget(std::uint32_t mask) {
    for (unsigned reg = 0; reg < 16; ++reg) {
      if ((mask >> reg & 1) != 0) forget_one(reg);
    }
  }
  void copy(unsigned to, unsigned from) {
    if (from == kNobody) return forget_one(to);
    holds_[to] = holds_[from];
    constants_[to] = constants_[from];
  }

  // --- what the instruction does

  void lea() {
    const unsigned to = register_field();
    forget_one(to);
    if (const auto place = rip_place()) return take_address(*place, to);
    const bool absolute =
        raw_.mod == 0 && raw_.rm == 4 && raw_.base == 5 && raw_.index == 4 && !raw_.x;
    if (absolute && fixed_) take_address(static_cast<std::uint64_t>(raw_.displacement), to);
  }

  bool is_data(std::uint64_t target) const {
    return std::ranges::any_of(data_,
                               [&](const Section* s) { return target - s->address < s->size; });
  }
  void take_address(std::uint64_t target, unsigned reg) {
    if (!is_data(target)) {
      if (std::ranges::binary_search(starts_, target)) result_.functions_taken.push_back(target);
      return;
    }
    if (reg < 16) holds_[reg] = result_.references.size();
    result_.references.push_back({at_, target, kNothingCopied, false});
  }

  // An operand [base + index*2|4|8], or [table + index*8] with the table's address in the instruction.
  void note_table() {
    if (!raw_.has_modrm || raw_.mod == 3 || raw_.rm != 4) return;
    const bool no_index = raw_.index == 4 && !raw_.x;
    if (no_index || raw_.scale < 1) return;
    if (raw_.base == 5 && raw_.mod == 0) return;
    const std::size_t held = holds_[raw_.base | (raw_.b ? 8u : 0u)];
    if (held != kNoReference) result_.references[held].is_table = true;
  }

  void note_slot() {
    const auto place = rip_place();
    if (!place || raw_.opcode == kLea) return;
    if (!linkage_.callee_in_slot(*place).known()) return;
    const bool is_call = is_plain() && raw_.opcode == kIndirect && raw_.reg == 2;
    result_.slot_uses.push_back({at_, is_call ? at_ + raw_.length : 0, *place});
  }

  void note_read() {
    const auto place = rip_place();
    if (!place || (raw_.opcode == kLea && is_plain())) return;
    if (!is_data(*place)) return;
    DataRead read{*place};
    const auto arithmetic = constant_size();
    read.size = arithmetic.first;
    read.is_number = arithmetic.second;
    result_.reads.push_back(read);
  }

  // How many bytes an instruction of floating-point or vector arithmetic reads, and whether they are one number; 0 for all others. Moves
  // of whole vectors are not told: they may copy a part of something larger.
  std::pair<std::uint8_t, bool> constant_size() const {
    constexpr std::pair<std::uint8_t, bool> kOther{0, false};
    if (raw_.map != Fields::Map::two_bytes) return kOther;
    enum { kPlain, k66, kF3, kF2 } prefix = kPlain;
    bool is_wide = false;
    if (raw_.form == Fields::Form::vex) {
      prefix = static_cast<decltype(prefix)>(raw_.vector_prefix);
      is_wide = raw_.is_long_vector;
    } else if (raw_.form == Fields::Form::legacy) {
      prefix = raw_.has_repne ? kF2 : raw_.has_rep ? kF3 : raw_.is_short ? k66 : kPlain;
    } else {
      return kOther;
    }
    const std::uint8_t vector = is_wide ? 32 : 16;
    switch (raw_.opcode) {
      case 0x10:  // movss, movsd
      case 0x2C:  // conversions to integers
      case 0x2D:
      case 0x51:  // square root
      case 0x5A:  // float to double and back
        if (prefix == kF2) return {std::uint8_t{8}, true};
        if (prefix == kF3) return {std::uint8_t{4}, true};
        return kOther;
      case 0x2E:  // comparisons
      case 0x2F:
        if (prefix == k66) return {std::uint8_t{8}, true};
        if (prefix == kPlain) return {std::uint8_t{4}, true};
        return kOther;
      case 0x58:  // add, multiply, subtract, minimum, divide, maximum
      case 0x59:
      case 0x5C:
      case 0x5D:
      case 0x5E:
      case 0x5F:
        if (prefix == kF2) return {std::uint8_t{8}, true};
        if (prefix == kF3) return {std::uint8_t{4}, true};
        return {vector, false};
      case 0x54:  // and, and not, or, exclusive or of floating-point vectors
      case 0x55:
      case 0x56:
      case 0x57:
        return prefix == kPlain || prefix == k66 ? std::pair{vector, false} : kOther;
      case 0xD4:  // the same and sums of integer vectors
      case 0xDB:
      case 0xDF:
      case 0xEB:
      case 0xEF:
      case 0xFE:
        return prefix == k66 ? std::pair{vector, false} : kOther;
      default:
        return kOther;
    }
  }

  void call(std::uint64_t target) {
    result_.calls.push_back({at_, at_ + raw_.length, target});
    if (holds_[kRawSi] != kNoReference && is_copy_function(linkage_.callee_at(target).name)) {
      copies(constants_[kRawDx].value_or(kUnknownCopied));
    }
    forget(kRawCallClobbers);
  }

  void call_indirect() {
    const auto slot = rip_place();
    const Callee callee = slot ? linkage_.callee_in_slot(*slot) : Callee{};
    if (!callee.known() || callee.may_be_another) {
      result_.indirect_calls.push_back({at_, at_ + raw_.length});
      watched_ = kWatched;
    }
    if (slot && holds_[kRawSi] != kNoReference && is_copy_function(callee.name)) {
      copies(constants_[kRawDx].value_or(kUnknownCopied));
    }
    forget(kRawCallClobbers);
  }

  void jump_indirect() {
    if (const auto place = rip_place()) {
      const Callee callee = linkage_.callee_in_slot(*place);
      if (!callee.known() || callee.may_be_another) result_.jumps_through_memory.push_back(at_);
      return;
    }
    result_.indirect_jumps.push_back(at_);
    const bool is_indexed = raw_.rm == 4 && (raw_.index != 4 || raw_.x);
    if (raw_.mod != 3 && !is_indexed) result_.jumps_through_memory.push_back(at_);
  }

  // What the first instruction that looks at rax after an indirect call makes of it.
  void watch_result() {
    --watched_;
    if (!is_plain()) return;
    const bool is_base = raw_.has_modrm && raw_.mod != 3 && !raw_.b &&
                         (raw_.rm == 4 ? raw_.base == 0 : raw_.rm == 0);
    const std::uint8_t opcode = raw_.opcode;
    const bool leaves = opcode == kReturn || opcode == kJump || opcode == kJumpShort ||
                        (opcode & 0xF0) == kBranchShort;
    const bool looks =
        (opcode == kMovToMemory || opcode == kTest || opcode == kCompare) && register_field() == 0;
    if (is_base || leaves || (looks && raw_.w)) {
      result_.indirect_calls.back().gives_address = true;
      watched_ = 0;
    } else if (looks || opcode == kTestByte || opcode == kCall || is_overwritten()) {
      watched_ = 0;
    }
  }
  bool is_overwritten() const {
    if (raw_.opcode == kMovToMemory || raw_.opcode == kXor) return rm_field() == 0;
    if (raw_.opcode == kMov) return register_field() == 0;
    return raw_.opcode == kMovImmediate && !raw_.b;
  }

  void string_copy(std::uint64_t width) {
    if (holds_[kRawSi] != kNoReference) {
      const auto count = raw_.has_rep ? constants_[kRawCx] : std::optional<std::uint64_t>{1};
      copies(count ? *count * width : kUnknownCopied);
    }
    forget(1u << kRawSi | 1u << kRawDi | 1u << kRawCx);
  }
  void copies(std::uint64_t size) {
    AddressTaken& reference = result_.references[holds_[kRawSi]];
    reference.copied = std::max(reference.copied, size);
  }

  const Linkage& linkage_;
  std::span<const std::uint64_t> starts_;
  std::vector<const Section*> data_;
  bool fixed_ = false;  // loaded where it was linked: addresses may be plain numbers
  Fields raw_{};
  static constexpr int kWatched = 6;  // instructions

  std::uint64_t at_ = 0, low_ = 0, high_ = 0;
  int watched_ = 0;                      // so many more instructions after the last indirect call
  std::array<std::size_t, 16> holds_{};  // index of the reference whose address is in the register
  std::array<std::optional<std::uint64_t>, 16> constants_{};
  CodeScan result_;
};

}  // namespace

CodeScan scan_code(const ElfFile& object, const Linkage& linkage,
                   std::span<const std::uint64_t> function_starts) {
  Scanner scanner{object, linkage, function_starts};
  std::vector<const Section*> code;
  for (const Section& section : object.sections()) {
    if ((section.flags & SHF_ALLOC) == 0 || (section.flags & SHF_EXECINSTR) == 0) continue;
    if (!section.name.starts_with(".plt")) code.push_back(&section);
  }
  std::sort(code.begin(), code.end(),
            [](const Section* a, const Section* b) { return a->address < b->address; });
  for (const Section* section : code) scanner.scan(*section);
  return scanner.take();
}

}  // namespace allocs::meta
