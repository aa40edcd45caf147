// SPDX-License-Identifier: Apache-2.0
#include "meta/code_distances.h"

#include <algorithm>

#include "meta/machine_code.h"

namespace allocs::meta {

namespace {

constexpr std::uint8_t kPointer = 8;  // bytes

// `push rbp; mov rbp, rsp` in front of all else: as long as the function runs, rbp leads to its frame.
bool keeps_frame_pointer(const std::vector<Instruction>& code) {
  std::size_t first = 0;
  while (first < code.size() && code[first].operation == Operation::look) ++first;
  if (first + 1 >= code.size()) return false;
  const Instruction& push = code[first];
  const Instruction& move = code[first + 1];
  const bool is_kept = push.operation == Operation::push && push.first.is_gpr() &&
                       push.first.gpr == Register::rbp && move.operation == Operation::move &&
                       move.first.is_gpr() && move.first.gpr == Register::rbp &&
                       move.second.is_gpr() && move.second.gpr == Register::rsp;
  const auto changes_it = [](const Instruction& i) {
    return i.operation != Operation::pop && i.operation != Operation::leave &&
           (i.writes & mask_of(Register::rbp)) != 0;
  };
  return is_kept && std::none_of(code.begin() + static_cast<std::ptrdiff_t>(first) + 2, code.end(),
                                 changes_it);
}

// By a number, to somewhere else but in the frame.
bool moves_pointer(const Instruction& i) {
  return (i.operation == Operation::add || i.operation == Operation::subtract) &&
         i.first.is_gpr() && i.first.size == kPointer && i.first.gpr != Register::rsp;
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
  const std::vector<Instruction> code =
      decode_code(object_.bytes_at(function.low, function.length), function.low);
  const bool has_frame_pointer = keeps_frame_pointer(code);
  for (const Instruction& i : code) {
    for (const Operand* operand : {&i.first, &i.second, &i.third}) {
      if (operand->is_immediate() && moves_pointer(i)) {
        const bool is_added = i.operation == Operation::add;
        const std::int64_t distance = is_added ? operand->immediate : -operand->immediate;
        found.push_back({distance, distance + 1});
      }
      if (!operand->is_memory()) continue;
      const MemoryPlace& place = operand->memory;
      const bool is_in_frame =
          place.index == Register::none &&
          (place.base == Register::rsp || (has_frame_pointer && place.base == Register::rbp));
      const bool is_narrow =
          operand->size != 0 && operand->size < kPointer && i.operation != Operation::take_address;
      if (is_in_frame || is_narrow) continue;
      // A vector register may hold it behind something else.
      const std::int64_t more = operand->size > kPointer ? operand->size - kPointer : 0;
      found.push_back({place.displacement, place.displacement + more + 1});
    }
  }
  std::ranges::sort(found);
  const auto rest = std::ranges::unique(found);
  found.erase(rest.begin(), rest.end());
  found.shrink_to_fit();
  return found;
}

}  // namespace allocs::meta
