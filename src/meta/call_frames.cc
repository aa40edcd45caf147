// SPDX-License-Identifier: Apache-2.0
#include "meta/call_frames.h"

#include <dwarf.h>

#include <cstdlib>

namespace allocs::meta {

CallFrames::CallFrames(const ObjectFiles& files)
    : eh_frame_(dwarf_getcfi_elf(files.object->elf())) {
  const ElfFile& debug = files.with_debug_information();
  if (debug.section(".debug_frame") == nullptr && debug.section(".zdebug_frame") == nullptr) return;
  dwarf_ = dwarf_begin_elf(debug.elf(), DWARF_C_READ, nullptr);
  if (dwarf_ != nullptr) debug_frame_ = dwarf_getcfi(dwarf_);
}

CallFrames::~CallFrames() {
  if (eh_frame_ != nullptr) dwarf_cfi_end(eh_frame_);
  if (dwarf_ != nullptr) dwarf_end(dwarf_);
}

const std::vector<CallFrameRow>& CallFrames::rows(std::uint64_t low, std::uint64_t high) {
  for (const Answer& answer : answers_) {
    if (answer.low == low && answer.high == high) return answer.rows;
  }
  Answer& answer = answers_[oldest_++ % answers_.size()];
  answer.low = low;
  answer.high = high;
  answer.rows.clear();
  for (std::uint64_t pc = low; pc < high;) {
    const std::uint64_t end = add_row(pc, answer.rows);
    if (end <= pc) break;
    pc = end;
  }
  return answer.rows;
}

// Appends the row at `pc`, if it is of a form that we use. Returns where it ends; 0 if there is no information.
std::uint64_t CallFrames::add_row(std::uint64_t pc, std::vector<CallFrameRow>& rows) {
  Dwarf_Frame* frame = nullptr;
  const bool found =
      (eh_frame_ != nullptr && dwarf_cfi_addrframe(eh_frame_, pc, &frame) == 0) ||
      (debug_frame_ != nullptr && dwarf_cfi_addrframe(debug_frame_, pc, &frame) == 0);
  if (!found || frame == nullptr) return 0;
  Dwarf_Addr first = 0;
  Dwarf_Addr end = 0;
  dwarf_frame_info(frame, &first, &end, nullptr);
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(frame, &ops, &count) == 0 && ops != nullptr && count == 1 && end > pc) {
    if (ops->atom >= DW_OP_breg0 && ops->atom <= DW_OP_breg31) {
      rows.push_back({pc, end, static_cast<std::uint32_t>(ops->atom - DW_OP_breg0),
                      static_cast<std::int64_t>(ops->number)});
    } else if (ops->atom == DW_OP_bregx) {
      rows.push_back({pc, end, static_cast<std::uint32_t>(ops->number),
                      static_cast<std::int64_t>(ops->number2)});
    }
  }
  std::free(frame);
  return end;
}

}  // namespace allocs::meta
