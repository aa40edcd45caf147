// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

#include "lifetime.h"

// <allocs/lifetime.h> in C++. Contracts and errors are those of the C functions.
namespace allocs {

// An object in a block of malloc that lives as long as anybody holds the block: this, its copies, and whoever else does, in this language or another. Copies may be made and dropped by any
// threads, as of an int that each has for itself. Empty without the run time, and where holding is refused.
template <typename T>
class Held {
 public:
  constexpr Held() = default;
  // Of an object that is there: the block that contains it stays. Whether its destructor is called is up to who made it.
  explicit Held(T* object) : object_(hold(object) ? object : nullptr) {}
  Held(const Held& other) : Held(other.object_) {}
  Held(Held&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Held() {
    if (object_ != nullptr) alloc_let_go(object_, alloc_counted_holder());
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Held& a, const Held& b) { return a.object_ == b.object_; }

 private:
  static bool hold(T* object) {
    return object != nullptr && alloc_hold(object, alloc_counted_holder()) == ALLOC_OK;
  }
  T* object_ = nullptr;
};

namespace lifetimes {

// The memory of an object whose constructor may throw.
struct FreedUnlessMade {
  void* block;
  ~FreedUnlessMade() { std::free(block); }
};

// Is told when a block goes in which make_held() has made a T.
template <typename T>
alloc_holder* destroyer_of() {
  static alloc_holder* const s_holder = [] {
    alloc_policy policy{};
    policy.size = sizeof policy;
    policy.name = "destructor";
    policy.gone = [](void*, void* block, std::size_t) { static_cast<T*>(block)->~T(); };
    alloc_holder* made = nullptr;
    return alloc_register_holder(&policy, &made) == ALLOC_OK ? made : nullptr;
  }();
  return s_holder;
}

template <typename T>
bool is_to_be_destroyed(T* object) {
  if constexpr (std::is_trivially_destructible_v<T>) return true;
  alloc_holder* const destroyer = destroyer_of<T>();
  // It need not hold any longer to be told.
  return alloc_hold(object, destroyer) == ALLOC_OK &&
         alloc_let_go(object, destroyer) == ALLOC_OK;
}

}  // namespace lifetimes

// A new object in a block of its own, which nobody needs to free. When the last holder lets go it is destroyed, and its block freed. Empty: there is no memory, or no run time.
template <typename T, typename... Arguments>
  requires std::constructible_from<T, Arguments...>
Held<T> make_held(Arguments&&... arguments) {
  void* const block = alignof(T) > alignof(std::max_align_t)
                          ? std::aligned_alloc(alignof(T), sizeof(T))
                          : std::malloc(sizeof(T));
  if (block == nullptr) return {};
  lifetimes::FreedUnlessMade given{block};
  T* const object = ::new (block) T(std::forward<Arguments>(arguments)...);
  given.block = nullptr;
  Held<T> held(object);
  if (!held) {
    object->~T();
    std::free(block);
    return {};
  }
  if (!lifetimes::is_to_be_destroyed(object)) {
    object->~T();
    alloc_let_go(block, alloc_explicit_holder());
    return {};
  }
  alloc_let_go(block, alloc_explicit_holder());
  return held;
}

// What came of a collection.
struct [[nodiscard]] Collected {
  int error = ALLOC_OK;
  alloc_collection result{};
  explicit operator bool() const { return error == ALLOC_OK; }
};
// `signal` stops other threads; 0: there are none.
inline Collected collect(int signal = 0, unsigned timeout_ms = 0) {
  Collected collected;
  collected.result.signal = signal;
  collected.result.timeout_ms = timeout_ms;
  collected.error = alloc_collect(&collected.result);
  return collected;
}

// The object stays as long as something refers to it, and nobody needs to free it. `object` is where a block of malloc begins that the caller may free.
inline int keep_while_reachable(void* object) {
  const int error = alloc_hold(object, alloc_reachability_holder());
  return error != ALLOC_OK ? error : alloc_let_go(object, alloc_explicit_holder());
}

}  // namespace allocs
