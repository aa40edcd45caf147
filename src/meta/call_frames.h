// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <elfutils/libdw.h>

#include "meta/object_file.h"

namespace allocs::meta {

// Within [low, high) the canonical frame address is register `cfa_register` plus `cfa_offset`.
struct CallFrameRow {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint32_t cfa_register = 0;
  std::int64_t cfa_offset = 0;
};

// The call frame information of an object: .eh_frame, and .debug_frame where that has nothing.
class CallFrames {
 public:
  explicit CallFrames(const ObjectFiles& files);
  ~CallFrames();
  CallFrames(const CallFrames&) = delete;
  CallFrames& operator=(const CallFrames&) = delete;

  // The rows of [low, high), in order. Code without information, or whose CFA is an expression, has none. The answer is valid
  // until the next call.
  const std::vector<CallFrameRow>& rows(std::uint64_t low, std::uint64_t high);

 private:
  bool add_row(std::uint64_t pc, std::uint64_t& end);

  Dwarf_CFI* eh_frame_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  Dwarf_CFI* debug_frame_ = nullptr;
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
  std::vector<CallFrameRow> rows_;
};

}  // namespace allocs::meta
