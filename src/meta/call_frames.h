// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
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

  // The rows of [low, high), in order. Code without information, or whose CFA is an expression, has none. The answer
  // is valid until the next call. The last few answers are kept: a function's hot and cold parts are asked for in
  // turns.
  const std::vector<CallFrameRow>& rows(std::uint64_t low, std::uint64_t high);

 private:
  struct Answer {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::vector<CallFrameRow> rows;
  };
  std::uint64_t add_row(std::uint64_t pc, std::vector<CallFrameRow>& rows);

  Dwarf_CFI* eh_frame_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  Dwarf_CFI* debug_frame_ = nullptr;
  std::array<Answer, 4> answers_;
  std::size_t oldest_ = 0;
};

}  // namespace allocs::meta
