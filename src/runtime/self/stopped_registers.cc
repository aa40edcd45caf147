// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "elf/cfi.h"
#include "runtime/self/stopped_threads.h"

// What a stopped thread has left in the frame that the kernel made for its handler.

namespace allocs::self {

runt::Registers StoppedThread::registers() const {
  // By DWARF number.
  constexpr int kOrder[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                            REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                            REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  static_assert(std::size(kOrder) == elf::kRegisterCount);
  runt::Registers registers{};
  for (unsigned i = 0; i < elf::kRegisterCount; ++i)
    registers.set(i, static_cast<std::uint64_t>(context->uc_mcontext.gregs[kOrder[i]]));
  return registers;
}

Address StoppedThread::sp() const {
  return Address{static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RSP])};
}

AddressRange StoppedThread::frame() const {
  // The kernel says behind the 464 bytes of the old format how many bytes the state has.
  constexpr std::uint32_t kMagic = 0x46505853;  // FP_XSTATE_MAGIC1
  constexpr std::size_t kOldSize = 512, kSaid = 464;
  const Address begin = address_of(context);
  Address end = begin + sizeof(ucontext_t);
  if (const auto* vectors = reinterpret_cast<const std::byte*>(context->uc_mcontext.fpregs);
      vectors != nullptr) {
    const auto* said = reinterpret_cast<const std::uint32_t*>(vectors + kSaid);
    const std::size_t size = said[0] == kMagic ? said[1] : kOldSize;
    end = std::max(end, address_of(vectors) + size);
  }
  return {begin, end};
}

}  // namespace allocs::self
