// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "elf/write/put_section.h"

// Any file is either refused, or planned so that the new parts lie where the new header says.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace allocs::elf::write;
  const InputFile file{size, [&](std::uint64_t offset, std::span<std::byte> into) {
                         if (offset > size || into.size() > size - offset) return false;
                         if (!into.empty()) std::memcpy(into.data(), data + offset, into.size());
                         return true;
                       }};
  constexpr std::byte kContent[5]{};
  for (const bool reuse_tail : {false, true}) {
    std::string problem;
    const auto edit =
        plan_section(file, {.name = ".allocs", .content = kContent}, reuse_tail, problem);
    if (edit.has_value() != problem.empty()) __builtin_trap();
    if (!edit) continue;
    if (edit->kept > size || edit->header.e_shoff < edit->kept ||
        edit->header.e_shoff >= edit->kept + edit->tail.size())
      __builtin_trap();
  }
  return 0;
}
