// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "toolchain/memo/entry.h"

namespace {

using namespace allocs;

// The bytes with the right sum before them: else nothing of them would be looked at.
std::string with_sum(std::string_view body) {
  std::string bytes = memo::encode({});
  const std::size_t sum = 8;
  const Hash128 hash = memo::sum_of(body);
  bytes.replace(sum, sizeof(hash), reinterpret_cast<const char*>(&hash), sizeof(hash));
  return bytes.substr(0, sum + sizeof(hash)).append(body);
}

}  // namespace

// The input is what follows the sum of an entry. What is read of it was in it, and is read again from what is written of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(bytes), size};
  memo::decode(input);
  const std::string whole = with_sum(input);
  const auto entry = memo::decode(whole);
  if (!entry) return 0;
  if (entry->text.size() + entry->dependencies.size() > size) __builtin_trap();
  const std::string again = memo::encode(*entry);
  if (memo::decode(again) != entry) __builtin_trap();
  return 0;
}
