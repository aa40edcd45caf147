// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/memory.h"

// Shared words. The tables of the run time are plain structs, so that a reader of another process can copy them; whoever
// shares one of their words with another thread says so with these.
namespace allocs::index {

template <typename T>
inline T load_acquire(const T& word) {
  T value;
  __atomic_load(&word, &value, __ATOMIC_ACQUIRE);
  return value;
}
template <typename T>
inline T load_relaxed(const T& word) {
  T value;
  __atomic_load(&word, &value, __ATOMIC_RELAXED);
  return value;
}
template <typename T>
inline void store_release(T& word, T value) {
  __atomic_store(&word, &value, __ATOMIC_RELEASE);
}
template <typename T>
inline void store_relaxed(T& word, T value) {
  __atomic_store(&word, &value, __ATOMIC_RELAXED);
}
// On failure `expected` holds what was found.
template <typename T>
inline bool compare_exchange(T& word, T& expected, T desired) {
  return __atomic_compare_exchange(&word, &expected, &desired, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE);
}
template <typename T>
inline T fetch_add(T& word, T value) {
  return __atomic_fetch_add(&word, value, __ATOMIC_ACQ_REL);
}

template <typename T>
inline T fetch_or(T& word, T value) {
  return __atomic_fetch_or(&word, value, __ATOMIC_ACQ_REL);
}

// How the owners of cells and slots store. A test that tries every interleaving puts a recorder here.
struct DirectStore {
  template <typename T>
  void store(T* at, T value) const {
    store_relaxed(*at, value);
  }
  template <typename T>
  void publish(T* at, T value) const {
    store_release(*at, value);
  }
  template <typename T>
  bool exchange(T* at, T& expected, T desired) const {
    return compare_exchange(*at, expected, desired);
  }
  template <typename T>
  void set_bits(T* at, T bits) const {
    __atomic_fetch_or(at, bits, __ATOMIC_SEQ_CST);
  }
};

// A word of the root, which a reader has at hand. The memory of such a test hears of the load.
template <typename T, Memory M>
inline T load_of_root(const M& memory, const T& word) {
  if constexpr (requires { memory.before_load(); }) memory.before_load();
  return load_acquire(word);
}

// One naturally aligned word of the process that is looked at, in one access.
template <typename T, Memory M>
inline std::optional<T> load_word(const M& memory, Address at) {
  const std::byte* bytes = memory.view(at, sizeof(T));
  if (bytes == nullptr) return std::nullopt;
  return load_acquire(*reinterpret_cast<const T*>(bytes));
}

}  // namespace allocs::index
