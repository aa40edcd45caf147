// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include "frame.h"

// <allocs/frame.h> in C++. Contracts and errors are those of the C function.
namespace allocs {

// Calls f(const alloc_frame&, const alloc_frame_place&) for each place of the frame that contains `obj`; anything but 0 ends the walk.
//
//   allocs::for_each_frame_place(&local, [](const alloc_frame&, const alloc_frame_place& place) {
//     return place.holds == ALLOC_HOLDS_POINTER ? use(place) : 0;
//   });
template <std::invocable<const alloc_frame&, const alloc_frame_place&> F>
int for_each_frame_place(const void* obj, F f, unsigned flags = 0) {
  return alloc_walk_frame(
      obj, flags,
      [](const alloc_frame* frame, const alloc_frame_place* place, void* context) -> int {
        return (*static_cast<F*>(context))(*frame, *place);
      },
      &f);
}

// The same for that frame and each further one outwards, as far as they can be told. Returns what ended the walk; 0 at the end of the stack, or what is known of it.
template <std::invocable<const alloc_frame&, const alloc_frame_place&> F>
int for_each_frame_place_from(const void* obj, F f, unsigned flags = 0) {
  for (const void* at = obj;;) {  // stack by stack
    const void* caller = nullptr;
    const int result = for_each_frame_place(
        at,
        [&](const alloc_frame& frame, const alloc_frame_place& place) -> int {
          caller = frame.caller;
          return f(frame, place);
        },
        flags | ALLOC_FRAME_AND_CALLERS);
    if (result != 0) return caller != nullptr || at == obj ? result : 0;
    if (caller == nullptr) return 0;
    at = caller;
  }
}

}  // namespace allocs
