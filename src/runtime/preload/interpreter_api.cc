// SPDX-License-Identifier: Apache-2.0
#include "allocs/interpreter.h"

#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runt/self.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/info.h"
#include "runtime/preload/subobject_terms.h"
#include "runtime/query/object_reader.h"
#include "runtime/self/ask.h"
#include "types/covering.h"

// The public functions of <allocs/interpreter.h>.

namespace {

using allocs::address_of;
using allocs::query::Answer;
using allocs::self::SelfProcess;
using allocs::types::Subobject;

bool is_usable(const alloc_interpreter* interpreter) {
  return interpreter != nullptr && interpreter->size >= sizeof(*interpreter) &&
         interpreter->can_interpret != nullptr && interpreter->interpret != nullptr;
}

int follow(const alloc_interpreter& interpreter, const alloc_step& place, int how,
           alloc_referent& referent) {
  std::memset(&referent, 0, sizeof referent);
  const int error = interpreter.interpret(interpreter.environment, &place, how, &referent);
  if (error != ALLOC_OK) std::memset(&referent, 0, sizeof referent);
  referent.how = how;
  referent.error = error;
  return error;
}

struct Walk {
  const alloc_interpreter& interpreter;
  alloc_visit_interpreted* visit;
  void* context;
};

int visit_step(const alloc_step* place, void* context) {
  const Walk& walk = *static_cast<Walk*>(context);
  const alloc_interpreter& interpreter = walk.interpreter;
  const int how = interpreter.can_interpret(interpreter.environment, place);
  if (how < 0) return how;
  if (how == 0) {
    const bool may_go_on = interpreter.may_contain == nullptr ||
                           interpreter.may_contain(interpreter.environment, place) != 0;
    return may_go_on ? ALLOC_WALK_ON : ALLOC_WALK_PRUNE;
  }
  alloc_referent referent;
  follow(interpreter, *place, how, referent);
  const int result = walk.visit(place, &referent, walk.context);
  return result == ALLOC_WALK_ON ? ALLOC_WALK_PRUNE : result;
}

// ---- one place ----

// Steps from the allocation down to what covers a byte, until one of them is a reference.
class Descent {
 public:
  Descent(const alloc_interpreter& interpreter, const Answer& leaf) : interpreter_(interpreter) {
    allocs::preload::put_info(leaf, steps_[0].allocation);
    how_ = interpreter.can_interpret(interpreter.environment, &steps_[0]);
  }
  // True to go on.
  bool enter(const alloc_subobject& subobject, unsigned depth) {
    if (how_ != 0) return false;
    if (depth > allocs::types::kDeepestCovering) return false;
    subobjects_[depth] = subobject;
    steps_[depth] = {.above = &steps_[depth - 1],
                     .allocation = steps_[0].allocation,
                     .subobject = &subobjects_[depth],
                     .depth = depth};
    place_ = depth;
    how_ = interpreter_.can_interpret(interpreter_.environment, &steps_[depth]);
    return how_ == 0;
  }
  int how() const { return how_; }
  const alloc_step& place() const { return steps_[place_]; }

 private:
  static constexpr unsigned kSteps = allocs::types::kDeepestCovering + 1;
  const alloc_interpreter& interpreter_;
  alloc_step steps_[kSteps] = {};
  alloc_subobject subobjects_[kSteps] = {};
  unsigned place_ = 0;
  int how_ = 0;
};

// ---- machine pointers ----

int is_pointer(void*, const alloc_step* place) {
  const uniqtype* const type = alloc_place_type(place);
  if (type == nullptr || UNIQTYPE_KIND(type) != UNIQTYPE_KIND_ADDRESS) return 0;
  return alloc_place_size(place) == sizeof(void*) ? 1 : 0;
}

int read_pointer(void*, const alloc_step* place, int, alloc_referent* referent) {
  std::uint64_t word = 0;
  if (allocs::allocators::is_sandboxed()) return ALLOC_E_NOT_YET;
  if (!allocs::runt::self::read_memory(address_of(alloc_place_base(place)), &word, sizeof word))
    return ALLOC_E_NOTHING_THERE;
  referent->at = reinterpret_cast<const void*>(word);
  return word == 0 ? ALLOC_E_NOTHING_THERE : ALLOC_OK;
}

int may_contain_pointer(void*, const alloc_step* place) {
  const uniqtype* const type = alloc_place_type(place);
  return place->subobject == nullptr || (type != nullptr && UNIQTYPE_HAS_SUBOBJECTS(type));
}

constexpr alloc_interpreter kPointers{.size = sizeof(alloc_interpreter),
                                      .name = "pointers",
                                      .environment = nullptr,
                                      .can_interpret = is_pointer,
                                      .interpret = read_pointer,
                                      .may_contain = may_contain_pointer};

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_walk_interpreted(const struct alloc_info* from,
                                         const struct alloc_interpreter* interpreter,
                                         unsigned flags, alloc_visit_interpreted* visit,
                                         void* context) {
  if (!is_usable(interpreter) || visit == nullptr || flags != 0) return ALLOC_E_INVALID;
  Walk walk{*interpreter, visit, context};
  return alloc_walk_tree(from, ALLOC_WALK_SUBOBJECTS, visit_step, &walk);
}

ALLOCS_EXPORT int alloc_interpret(const void* at, const struct alloc_interpreter* interpreter,
                                  unsigned flags, struct alloc_referent* referent) {
  if (!is_usable(interpreter) || referent == nullptr || (flags & ~unsigned{ALLOC_NOWAIT}) != 0)
    return ALLOC_E_INVALID;
  std::memset(referent, 0, sizeof(*referent));
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(allocs::preload::mode_of(flags), here);
  const Answer leaf = allocs::self::ask(process, address_of(at));
  if (leaf.error != ALLOC_OK) return referent->error = leaf.error;
  Descent descent(*interpreter, leaf);
  if (leaf.type != nullptr) {
    const allocs::types::ObjectReader reader = allocs::query::object_reader(process);
    allocs::types::for_each_covering(
        *leaf.type, leaf.range.size(), address_of(at) - leaf.range.begin, -1,
        [&](unsigned depth) { return leaf.rows.at(depth); },
        [&](const Subobject& sub, std::uint64_t offset, unsigned depth) {
          return descent.enter(
              allocs::preload::in_terms_of_c(sub, leaf.range.begin + offset, depth), depth);
        },
        {.reader = &reader, .at = leaf.range.begin});
  }
  if (descent.how() > 0) return follow(*interpreter, descent.place(), descent.how(), *referent);
  const int no_reference = leaf.type == nullptr ? leaf.type_error : ALLOC_E_NO_SUCH_OPERATION;
  return referent->error = descent.how() < 0 ? descent.how() : no_reference;
}

ALLOCS_EXPORT const struct alloc_interpreter* alloc_pointer_interpreter(void) { return &kPointers; }

ALLOCS_INTERPRETER_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
