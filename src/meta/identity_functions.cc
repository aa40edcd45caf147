// SPDX-License-Identifier: Apache-2.0
#include "meta/identity_functions.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace allocs::meta {

namespace {

constexpr std::uint64_t kLongest = 48;  // bytes of code; six arguments without optimisation

// As the standards say: the wrapper `return memset(xmalloc(n), 0, n);` returns what xmalloc does.
bool is_standard(std::string_view function) {
  constexpr std::string_view kNames[] = {
      "memset",       "memcpy",       "memmove",       "strcpy",       "strncpy",
      "__memset_chk", "__memcpy_chk", "__memmove_chk", "__strcpy_chk", "__strncpy_chk"};
  return std::find(std::begin(kNames), std::end(kNames), function) != std::end(kNames);
}

class Code {
 public:
  explicit Code(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool skip(std::initializer_list<std::uint8_t> wanted) {
    if (bytes_.size() < wanted.size()) return false;
    const bool is_it = std::equal(wanted.begin(), wanted.end(), bytes_.begin(),
                                  [](std::uint8_t a, std::byte b) { return std::byte{a} == b; });
    if (is_it) bytes_ = bytes_.subspan(wanted.size());
    return is_it;
  }
  // A register that holds an argument is put in the frame, at a distance from rbp of one byte; which, in `distance`.
  bool skip_kept_argument(bool& is_first, std::uint8_t& distance) {
    if (bytes_.size() < 4) return false;
    const auto byte = [&](std::size_t i) { return std::to_integer<std::uint8_t>(bytes_[i]); };
    const bool has_prefix = byte(0) == 0x48 || byte(0) == 0x4C || byte(0) == 0x44;
    const std::size_t at = has_prefix ? 1 : 0;
    if (byte(at) != 0x89 || (byte(at + 1) & 0xC7) != 0x45) return false;
    is_first = byte(0) == 0x48 && byte(at + 1) == 0x7D;
    distance = byte(at + 2);
    bytes_ = bytes_.subspan(at + 3);
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
};

// mov %rdi,%rax; ret. Or, without optimisation, by way of the frame.
bool is_identity(Code code) {
  code.skip({0xF3, 0x0F, 0x1E, 0xFA});  // endbr64
  if (code.skip({0x48, 0x89, 0xF8})) return code.skip({0xC3});
  if (!code.skip({0x55, 0x48, 0x89, 0xE5})) return false;
  bool is_first = false;
  std::uint8_t distance = 0;
  if (!code.skip_kept_argument(is_first, distance) || !is_first) return false;
  const std::uint8_t kept_at = distance;
  while (code.skip_kept_argument(is_first, distance)) {
    if (is_first || distance == kept_at) return false;
  }
  return code.skip({0x48, 0x8B, 0x45, kept_at}) &&
         (code.skip({0x5D, 0xC3}) || code.skip({0xC9, 0xC3}));
}

}  // namespace

bool returns_first_argument(const Callee& callee, const ElfFile& object) {
  if (callee.may_be_another) return false;
  if (is_standard(callee.name)) return true;
  if (callee.address == 0) return false;
  for (std::uint64_t size = kLongest; size >= 4; size /= 2) {  // it may be the last in its section
    const auto code = object.bytes_at(callee.address, size);
    if (!code.empty()) return is_identity(Code(code));
  }
  return false;
}

}  // namespace allocs::meta
