// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

// Why something outside this process could not be had, as a value.
namespace allocs::runt::remote {

struct Failure {
  enum class Kind : std::uint8_t {
    no_such_process,
    not_permitted,
    kernel_thread,
    not_x86_64,
    no_such_file,
    not_a_core,
    damaged,
    system,  // anything else that the kernel refused
  };
  Kind kind = Kind::system;
  std::string text;  // begins with the path or process, ends with what to do, if there is anything
};

// A T, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure failure) : either_(std::in_place_index<1>, std::move(failure)) {}

  explicit operator bool() const { return either_.index() == 0; }
  T& operator*() { return *std::get_if<0>(&either_); }
  const T& operator*() const { return *std::get_if<0>(&either_); }
  T* operator->() { return std::get_if<0>(&either_); }
  const T* operator->() const { return std::get_if<0>(&either_); }
  const Failure& failure() const { return *std::get_if<1>(&either_); }

 private:
  std::variant<T, Failure> either_;
};

}  // namespace allocs::runt::remote
