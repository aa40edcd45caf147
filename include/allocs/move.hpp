// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "../allocs.hpp"
#include "interpreter.h"
#include "move.h"
#include "stop.h"

// <allocs/stop.h>, <allocs/move.h> and <allocs/interpreter.h> in C++. Contracts and errors are those of the C functions.
namespace allocs {

// ---- threads that are stopped ----

// The other threads, stopped as long as it lives. See allocs/stop.h for what may be done meanwhile.
//
//   if (const allocs::StoppedThreads stopped(SIGRTMIN); stopped) ...
class [[nodiscard]] StoppedThreads {
 public:
  explicit StoppedThreads(int signal, unsigned timeout_ms = 0)
      : error_(alloc_stop_others(signal, timeout_ms, &report_)) {}
  ~StoppedThreads() {
    if (error_ == ALLOC_OK) alloc_resume_others();
  }
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  explicit operator bool() const { return error_ == ALLOC_OK; }
  int error() const { return error_; }
  const alloc_stop_report& report() const { return report_; }

  template <std::invocable<const alloc_stopped_thread&> F>
  int for_each(F f) const {
    return alloc_walk_stopped(visiting::call<alloc_stopped_thread, F>, &f);
  }

 private:
  alloc_stop_report report_{};
  int error_;
};

// ---- moving ----

// How to move, and what came of the last time. `signal` stops other threads; 0: there are none.
class Mover {
 public:
  explicit Mover(int signal = 0, unsigned timeout_ms = 0) {
    moving_.signal = signal;
    moving_.timeout_ms = timeout_ms;
  }

  struct [[nodiscard]] Moved {
    int error = ALLOC_OK;
    void* base = nullptr;
    explicit operator bool() const { return error == ALLOC_OK; }
  };
  // To `to`, or elsewhere in the allocator that it has.
  Moved migrate(const void* obj, allocator* to = nullptr) {
    Moved moved;
    moved.error = alloc_migrate(obj, to, &moving_, &moved.base);
    return moved;
  }
  Moved resize(const void* obj, std::size_t size) {
    Moved moved;
    moved.error = alloc_resize_moving(obj, size, &moving_, &moved.base);
    return moved;
  }
  // All of them, or none.
  int migrate_all(std::span<alloc_move> moves, std::size_t* failed = nullptr) {
    return alloc_migrate_all(moves.data(), moves.size(), &moving_, failed);
  }

  std::size_t references() const { return moving_.references; }
  const alloc_obstacle& obstacle() const { return moving_.obstacle; }
  const alloc_stop_report& stop() const { return moving_.stop; }

 private:
  alloc_moving moving_{};
};

// ---- references ----

// What knows a language of references: see struct alloc_interpreter. `kName` is static text. It may have may_contain(place) as well.
template <typename I>
concept ReferenceLanguage = requires(I& i, const alloc_step& place, alloc_referent& referent) {
  { I::kName } -> std::convertible_to<const char*>;
  { i.can_interpret(place) } -> std::same_as<int>;
  { i.interpret(place, 1, referent) } -> std::same_as<int>;
};

// A language of the program's own as an interpreter. `implementation` stays as long as it is used.
template <ReferenceLanguage I>
class Interpreter {
 public:
  explicit Interpreter(I& implementation) {
    interpreter_.size = sizeof interpreter_;
    interpreter_.name = I::kName;
    interpreter_.environment = &implementation;
    interpreter_.can_interpret = [](void* i, const alloc_step* place) { return self(i).can_interpret(*place); };
    interpreter_.interpret = [](void* i, const alloc_step* place, int how, alloc_referent* referent) {
      return self(i).interpret(*place, how, *referent);
    };
    if constexpr (requires(I& i, const alloc_step& place) { i.may_contain(place); })
      interpreter_.may_contain = [](void* i, const alloc_step* place) -> int { return self(i).may_contain(*place); };
  }
  const alloc_interpreter* get() const { return &interpreter_; }

 private:
  static I& self(void* i) { return *static_cast<I*>(i); }
  alloc_interpreter interpreter_{};
};

// Every reference in `from` (NULL: in everything) and below: f(place, referent); what it returns, if it returns something, goes to the walk.
template <typename F>
  requires std::invocable<F&, const alloc_step&, const alloc_referent&>
int for_each_interpreted(const alloc_info* from, const alloc_interpreter* interpreter, F f) {
  return alloc_walk_interpreted(
      from, interpreter, 0,
      [](const alloc_step* place, const alloc_referent* referent, void* context) -> int {
        F& visit = *static_cast<F*>(context);
        if constexpr (std::is_void_v<std::invoke_result_t<F&, const alloc_step&, const alloc_referent&>>) {
          visit(*place, *referent);
          return 0;
        } else {
          return static_cast<int>(visit(*place, *referent));
        }
      },
      &f);
}

// To what the reference leads that contains `at`; its `error` says why not.
inline alloc_referent interpret(const void* at, const alloc_interpreter* interpreter = alloc_pointer_interpreter(),
                                unsigned flags = 0) {
  alloc_referent referent{};
  const int error = alloc_interpret(at, interpreter, flags, &referent);
  if (error != ALLOC_OK) referent.error = error;
  return referent;
}

}  // namespace allocs
