// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/text_writer.h"
#include "runtime/query/process.h"

namespace allocs::query {

// Where a frame's registers point, relative to its canonical frame address.
struct RegisterPlaces {
  std::int64_t sp = 0;
  std::int64_t fp = 0;
  bool has_fp = false;
};

// The extent of what of a function's frame is in memory at one pc, and the range of pcs around it for which that stays so.
struct FrameLayout {
  RegisterPlaces registers{};
  std::uint64_t pc = 0;  // link addresses, all three
  std::uint64_t low_pc = 0;
  std::uint64_t high_pc = 0;
  std::int64_t low =
      0;  // relative to the canonical frame address; the variables and the saved registers: [low, high)
  std::int64_t high = 0;
  bool has_computed_variables = false;  // see runtime/query/computed_variable.h
  bool has_alloca = false;              // see runtime/query/alloca_query.h
  bool depends_on_registers =
      false;  // a variable lies at a fixed distance from a register only: the frame is realigned

  std::uint64_t size() const { return static_cast<std::uint64_t>(high - low); }
};

// The layout at link address `pc` inside `function`, in a frame whose registers are at `registers`. Context: signal.
FrameLayout frame_layout(const types::Image& image, const types::FunctionRecord& function,
                         std::uint64_t pc, RegisterPlaces registers);

// "<unit, mangled><function>_vaddrs_0x<low>_0x<high>". Context: signal.
void put_frame_name(TextWriter& out, const types::Image& image,
                    const types::FunctionRecord& function, const FrameLayout& layout);

// The uniqtype of the frame, made on first use if `types` may make it; nullptr otherwise. Context: signal if it may not make.
uniqtype* frame_type(const TypeMaker& types, const Object& object,
                     const types::FunctionRecord& function, const FrameLayout& layout);

}  // namespace allocs::query
