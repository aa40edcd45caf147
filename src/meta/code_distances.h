// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "meta/object_file.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// At which distances from an address functions read or write a pointer, or make another address. Each function is read when it is first asked for.
class CodeDistances {
 public:
  // Keeps a reference to `object`.
  explicit CodeDistances(const ElfFile& object) : object_(object) {}

  // Whether an instruction of the function may reach the eight bytes that lie `distance` from an address, which is not one of its frame.
  //
  // Context: one thread at a time.
  bool may_reach(const types::FunctionRecord& function, std::int64_t distance);

 private:
  // Bytes [low, high) from an address.
  struct Reach {
    std::int64_t low = 0;
    std::int64_t high = 0;
    friend auto operator<=>(const Reach&, const Reach&) = default;
  };
  const std::vector<Reach>& reaches_of(const types::FunctionRecord& function);

  const ElfFile& object_;
  std::map<std::uint64_t, std::vector<Reach>> reaches_;  // by the function's low
};

}  // namespace allocs::meta
