// SPDX-License-Identifier: Apache-2.0
#include "allocs/frame.h"

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/preload/info.h"
#include "runtime/query/frame_place.h"

// The public function of <allocs/frame.h>.

namespace {

using allocs::preload::pointer;
using allocs::query::FramePlace;
using allocs::query::FrameReach;
using allocs::query::FrameView;
using allocs::self::SelfProcess;

int part_of(const FramePlace& place) {
  switch (place.part) {
    case FramePlace::Part::variable:
      return ALLOC_PART_VARIABLE;
    case FramePlace::Part::saved_register:
      return ALLOC_PART_SAVED_REGISTER;
    case FramePlace::Part::return_address:
      return ALLOC_PART_RETURN_ADDRESS;
    case FramePlace::Part::in_register:
      return ALLOC_PART_REGISTER;
    case FramePlace::Part::rest:
      break;
  }
  return ALLOC_PART_REST;
}

int holds_of(const FramePlace& place) {
  switch (place.holds) {
    case FramePlace::Holds::pointer:
      return ALLOC_HOLDS_POINTER;
    case FramePlace::Holds::no_pointer:
      return ALLOC_HOLDS_NO_POINTER;
    case FramePlace::Holds::unknown:
      break;
  }
  return ALLOC_HOLDS_UNKNOWN;
}

alloc_frame in_terms_of_c(const FrameView& view) {
  alloc_frame frame{};
  frame.base = pointer(view.range.begin);
  frame.end = pointer(view.range.end);
  frame.caller = pointer(view.caller);
  frame.pc = pointer(view.frame.pc);
  frame.function = view.function;
  frame.object = view.object;
  frame.thread = view.thread;
  frame.is_interrupted = view.frame.is_interrupted ? 1 : 0;
  return frame;
}

alloc_frame_place in_terms_of_c(const FramePlace& place) {
  const bool is_register = place.part == FramePlace::Part::in_register;
  alloc_frame_place told{};
  told.at = pointer(place.range.begin);
  told.size = is_register ? sizeof(void*) : place.range.size();
  told.part = part_of(place);
  told.holds = holds_of(place);
  told.reg = place.reg == allocs::elf::kRegisterCount ? -1 : place.reg;
  told.has_value = place.has_value ? 1 : 0;
  told.value = place.value;
  told.function = place.function;
  told.variable = place.variable;
  told.type = place.type;
  return told;
}

struct Visit {
  alloc_visit_frame_place* visit;
  void* context;
  int result = 0;
};

bool tell(void* context, const FrameView& view, const FramePlace& place) {
  auto& to = *static_cast<Visit*>(context);
  const alloc_frame frame = in_terms_of_c(view);
  const alloc_frame_place told = in_terms_of_c(place);
  to.result = to.visit(&frame, &told, to.context);
  return to.result == 0;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_walk_frame(const void* obj, unsigned flags, alloc_visit_frame_place* visit,
                                   void* context) {
  constexpr unsigned kFlags = unsigned{ALLOC_NOWAIT} | unsigned{ALLOC_FRAME_AND_CALLERS};
  if (visit == nullptr || (flags & ~kFlags) != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(allocs::preload::mode_of(flags), here);
  Visit to{.visit = visit, .context = context};
  const FrameView view = process.look_into_frame(
      allocs::address_of(obj), allocs::query::kAnywhere,
      (flags & ALLOC_FRAME_AND_CALLERS) != 0 ? FrameReach::callers_too : FrameReach::one,
      {.call = tell, .context = &to});
  return view.error != ALLOC_OK ? view.error : to.result;
}

ALLOCS_FRAME_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
