// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

// The kinds of number that are called "address", each a type of its own, so that the compiler knows which sums are meant.
namespace allocs {

enum class FileOffset : std::uint64_t {};   // bytes from the start of a file
enum class LinkAddress : std::uint64_t {};  // as written in an ELF file
enum class Address : std::uint64_t {};      // as seen by the process that is looked at

// What the loader added to every link address of one object.
struct LoadBias {
  std::uint64_t value = 0;
  friend bool operator==(const LoadBias&, const LoadBias&) = default;
};

// User addresses end here on x86-64 with four-level page tables; nothing at or above it is ever indexed.
inline constexpr Address kEndOfUserAddresses{std::uint64_t{1} << 47};

constexpr std::uint64_t raw(Address a) { return static_cast<std::uint64_t>(a); }
constexpr std::uint64_t raw(LinkAddress a) { return static_cast<std::uint64_t>(a); }
constexpr std::uint64_t raw(FileOffset a) { return static_cast<std::uint64_t>(a); }

constexpr Address operator+(Address a, std::uint64_t n) { return Address{raw(a) + n}; }
constexpr Address operator-(Address a, std::uint64_t n) { return Address{raw(a) - n}; }
constexpr std::uint64_t operator-(Address a, Address b) { return raw(a) - raw(b); }
constexpr Address operator+(LinkAddress a, LoadBias bias) { return Address{raw(a) + bias.value}; }
constexpr LinkAddress operator-(Address a, LoadBias bias) {
  return LinkAddress{raw(a) - bias.value};
}
constexpr LinkAddress operator+(LinkAddress a, std::uint64_t n) { return LinkAddress{raw(a) + n}; }
constexpr std::uint64_t operator-(LinkAddress a, LinkAddress b) { return raw(a) - raw(b); }

inline Address address_of(const volatile void* p) {
  return Address{reinterpret_cast<std::uintptr_t>(p)};
}

// Half-open: [begin, end).
struct AddressRange {
  Address begin{};
  Address end{};

  constexpr bool contains(Address a) const { return a >= begin && a < end; }
  constexpr std::uint64_t size() const { return end - begin; }
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

}  // namespace allocs
