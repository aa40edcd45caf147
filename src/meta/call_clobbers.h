// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <utility>

#include "meta/linkage.h"
#include "meta/machine_code.h"
#include "meta/value_flow.h"

namespace allocs::meta {

// Which registers that a function may change it does change. gcc keeps values in the others over calls of functions that it has compiled in the same unit
// (-fipa-ra), whatever the calling convention says. And whether it comes back, which no name tells of the object's own.
class CallClobbers {
 public:
  // The function around a pc.
  using CodeAround = std::function<FunctionCode(std::uint64_t pc)>;
  // `returns`: where returns are, sorted, as far as that is known already.
  CallClobbers(const ElfFile& object, const Linkage& linkage, CodeAround code_around,
               std::span<const std::uint64_t> returns = {})
      : object_(object),
        linkage_(linkage),
        code_around_(std::move(code_around)),
        returns_(returns) {}

  // Of those in kCallClobbers, by the function that begins at `callee` and all that it calls. The others may be changed all the same, but for rax.
  //
  // Context: any thread.
  std::uint16_t changed_by(std::uint64_t callee);
  // False only if control never comes back from the function that begins at `callee`: it has no return, and leads to none.
  //
  // Context: any thread.
  bool may_return(std::uint64_t callee);

 private:
  bool look_for_return(std::uint64_t callee);
  bool may_return_from(std::uint64_t target);
  std::uint16_t look_at(std::uint64_t callee);
  std::uint16_t by_call_of(std::uint64_t target);

  const ElfFile& object_;
  const Linkage& linkage_;
  CodeAround code_around_;
  std::span<const std::uint64_t> returns_;
  std::recursive_mutex mutex_;
  std::map<std::uint64_t, std::uint16_t> known_;
  std::map<std::uint64_t, bool> returning_;
};

}  // namespace allocs::meta
