// SPDX-License-Identifier: Apache-2.0
#include "meta/code_distances.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "elf/x86_instruction.h"

// Nothing but the fields of instructions is looked at, since this is asked of all functions.
namespace allocs::meta {

using elf::InstructionFields;

namespace {

constexpr std::int64_t kPointer = 8;  // bytes
constexpr std::uint8_t kStackPointer = 4, kFramePointer = 5, kNoIndex = 4;

const std::uint8_t* bytes_of(std::span<const std::byte> code) {
  return reinterpret_cast<const std::uint8_t*>(code.data());
}

// `push rbp; mov rbp, rsp` in front of all else.
bool begins_with_frame_pointer(std::span<const std::byte> code) {
  constexpr std::array<std::uint8_t, 4> kBranchTarget{0xf3, 0x0f, 0x1e, 0xfa};
  constexpr std::array<std::uint8_t, 4> kPushAndMove{0x55, 0x48, 0x89, 0xe5};
  const auto begins_with = [&](std::span<const std::uint8_t> bytes) {
    return code.size() >= bytes.size() && std::memcmp(code.data(), bytes.data(), bytes.size()) == 0;
  };
  if (begins_with(kBranchTarget)) code = code.subspan(kBranchTarget.size());
  return begins_with(kPushAndMove);
}

bool is_of(const InstructionFields& i, InstructionFields::Map map, std::uint8_t opcode) {
  return i.form == InstructionFields::Form::legacy && i.map == map && i.opcode == opcode;
}
bool is_plain(const InstructionFields& i, std::uint8_t opcode) {
  return is_of(i, InstructionFields::Map::one_byte, opcode);
}

// Whether it puts another address into rbp, the prologue aside.
bool sets_frame_pointer(const InstructionFields& i) {
  const bool to_reg = is_plain(i, 0x8b) || is_plain(i, 0x8d);
  const bool to_rm = is_plain(i, 0x89) && i.mod == 3 && i.reg != kStackPointer;
  return (to_reg && i.reg == kFramePointer && !i.r) || (to_rm && i.rm == kFramePointer && !i.b);
}

// Eight bytes or more are read or written, or the address is made; as far as is easy to see they are not fewer.
bool may_move_pointer(const InstructionFields& i) {
  constexpr std::uint8_t kExtending[] = {0xb6, 0xb7, 0xbe, 0xbf};
  if (i.form != InstructionFields::Form::legacy || i.map == InstructionFields::Map::other)
    return true;
  if (i.map == InstructionFields::Map::two_bytes)
    return std::ranges::find(kExtending, i.opcode) == std::end(kExtending);
  return i.w || is_plain(i, 0x8d) || is_plain(i, 0x8f) || is_plain(i, 0xff);
}

// What a number adds to a pointer; 0: nothing.
std::int64_t number_added(const InstructionFields& i) {
  if (i.form != InstructionFields::Form::legacy || !i.w) return 0;
  if (is_plain(i, 0x05)) return i.constant;
  if (is_plain(i, 0x2d)) return -i.constant;
  const bool is_group = is_plain(i, 0x81) || is_plain(i, 0x83);
  const bool is_stack = i.rm == kStackPointer && !i.b;
  if (!is_group || i.mod != 3 || is_stack) return 0;
  return i.reg == 0 ? i.constant : i.reg == 5 ? -i.constant : 0;
}

bool is_in_frame(const InstructionFields& i, bool has_frame_pointer) {
  if (i.has_sib) return i.base == kStackPointer && !i.b && i.index == kNoIndex && !i.x;
  return has_frame_pointer && i.rm == kFramePointer && i.mod != 0 && !i.b;
}

}  // namespace

bool CodeDistances::may_reach(const types::FunctionRecord& function, std::int64_t distance) {
  return std::ranges::any_of(reaches_of(function), [&](const Reach& reach) {
    return reach.low <= distance && distance < reach.high;
  });
}

const std::vector<CodeDistances::Reach>& CodeDistances::reaches_of(
    const types::FunctionRecord& function) {
  const auto [at, is_new] = reaches_.try_emplace(function.low);
  std::vector<Reach>& found = at->second;
  if (!is_new) return found;
  const std::span<const std::byte> code = object_.bytes_at(function.low, function.length);
  std::vector<InstructionFields> instructions;
  bool has_frame_pointer = begins_with_frame_pointer(code);
  for (std::size_t from = 0; from < code.size();) {
    const InstructionFields i = elf::instruction_fields(bytes_of(code) + from, code.size() - from);
    from += std::max<std::size_t>(i.length, 1);
    if (i.length == 0) continue;
    has_frame_pointer = has_frame_pointer && !sets_frame_pointer(i);
    if (const std::int64_t added = number_added(i); added != 0) found.push_back({added, added + 1});
    if (i.has_modrm && i.mod != 3 && may_move_pointer(i)) instructions.push_back(i);
  }
  for (const InstructionFields& i : instructions) {
    if (is_in_frame(i, has_frame_pointer)) continue;
    // A vector register may hold it behind something else.
    const bool is_vector = i.map != InstructionFields::Map::one_byte;
    found.push_back({i.displacement, i.displacement + (is_vector ? kPointer : 0) + 1});
  }
  std::ranges::sort(found);
  const auto rest = std::ranges::unique(found);
  found.erase(rest.begin(), rest.end());
  found.shrink_to_fit();
  return found;
}

}  // namespace allocs::meta
