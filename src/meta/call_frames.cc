// SPDX-License-Identifier: Apache-2.0
#include "meta/call_frames.h"

#include <dwarf.h>

#include <cstdlib>

namespace allocs::meta {

CallFrames::CallFrames(const ObjectFiles& files) : eh_frame_(dwarf_getcfi_elf(files.object->elf())) {
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
  if (low == low_ && high == high_) return rows_;
  low_ = low;
  high_ = high;
  rows_.clear();
  for (std::uint64_t pc = low; pc < high;) {
    std::uint64_t end = pc + 1;
    if (!add_row(pc, end) && end == pc + 1) {
      // Nothing here: what follows may be another piece of code, but the functions we ask for are one.
      break;
    }
    pc = end > pc ? end : pc + 1;
  }
  if (!rows_.empty() && rows_.back().high > high) rows_.back().high = high;
  return rows_;
}

// False if there is no usable row at `pc`; `end` is where the row ends, if that is known.
bool CallFrames::add_row(std::uint64_t pc, std::uint64_t& end) {
  Dwarf_Frame* frame = nullptr;
  const bool found = (eh_frame_ != nullptr && dwarf_cfi_addrframe(eh_frame_, pc, &frame) == 0) ||
                     (debug_frame_ != nullptr && dwarf_cfi_addrframe(debug_frame_, pc, &frame) == 0);
  if (!found || frame == nullptr) return false;
  Dwarf_Addr first = 0;
  Dwarf_Addr behind = 0;
  dwarf_frame_info(frame, &first, &behind, nullptr);
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  const bool has_cfa = dwarf_frame_cfa(frame, &ops, &count) == 0 && ops != nullptr && count == 1;
  bool added = false;
  if (behind > pc) end = behind;
  if (has_cfa && behind > pc) {
    CallFrameRow row{pc, behind, 0, 0};
    if (ops->atom >= DW_OP_breg0 && ops->atom <= DW_OP_breg31) {
      row.cfa_register = static_cast<std::uint32_t>(ops->atom - DW_OP_breg0);
      row.cfa_offset = static_cast<std::int64_t>(ops->number);
      added = true;
    } else if (ops->atom == DW_OP_bregx) {
      row.cfa_register = static_cast<std::uint32_t>(ops->number);
      row.cfa_offset = static_cast<std::int64_t>(ops->number2);
      added = true;
    }
    if (added) rows_.push_back(row);
  }
  std::free(frame);
  return added;
}

}  // namespace allocs::meta
