// SPDX-License-Identifier: Apache-2.0
#include "allocs/container.h"

#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/preload/container_rules.h"
#include "runtime/preload/info.h"

// The public functions of <allocs/container.h>.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::preload::NodeMemory;
using allocs::self::SelfProcess;
using allocs::types::ContainerRecord;
using allocs::types::ContainerShape;
using allocs::types::ElementCursor;
using allocs::types::ElementWalk;

int begin(const SelfProcess& process, const allocs::query::Object& object,
          std::span<const ContainerRecord> rules, const void* at, alloc_elements& elements) {
  ElementCursor cursor;
  const NodeMemory memory;
  const int error = ElementWalk<NodeMemory>(memory, cursor).begin(rules, raw(address_of(at)));
  if (memory.is_refused()) return ALLOC_E_NOT_YET;
  const bool is_chosen = cursor.rule.element != allocs::types::kNoType;
  const ContainerRecord& rule = is_chosen ? cursor.rule : rules.front();
  elements.type = process.types().type(object, rule.element);
  if (elements.type == nullptr) return ALLOC_E_NO_SUCH_OPERATION;
  elements.size = rule.element_size;
  elements.count = cursor.count;
  const bool is_of_one = (rule.flags & allocs::types::kContainerOfOne) != 0;
  if (is_of_one) {
    elements.form =
        rule.shape == ContainerShape::target ? ALLOC_ELEMENTS_POINTED : ALLOC_ELEMENTS_HELD;
  } else {
    const bool is_contiguous =
        rule.shape == ContainerShape::array || rule.shape == ContainerShape::inside;
    elements.form = is_contiguous ? ALLOC_ELEMENTS_CONTIGUOUS : ALLOC_ELEMENTS_MANY;
  }
  static_assert(sizeof cursor <= sizeof elements.private_state);
  std::memcpy(elements.private_state, &cursor, sizeof cursor);
  return error;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_begin_elements(const struct uniqtype* type, const void* object,
                                       struct alloc_elements* elements) {
  if (type == nullptr || object == nullptr || elements == nullptr) return ALLOC_E_INVALID;
  elements->type = nullptr;  // not begun
  if (allocs::types::record_of(*type).kind != allocs::types::Kind::composite)
    return ALLOC_E_NO_SUCH_OPERATION;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  process.finds_new_objects();
  int result = ALLOC_E_NO_SUCH_OPERATION;
  allocs::preload::for_each_description(
      process, *type,
      [&](const allocs::query::Object& describing, std::span<const ContainerRecord> rules) {
        result = begin(process, describing, rules, object, *elements);
        return result == ALLOC_E_NO_SUCH_OPERATION;
      });
  return result;
}

ALLOCS_EXPORT int alloc_next_element(struct alloc_elements* elements,
                                     struct alloc_element* element) {
  if (elements == nullptr || element == nullptr || elements->type == nullptr)
    return ALLOC_E_INVALID;
  ElementCursor cursor;
  std::memcpy(&cursor, elements->private_state, sizeof cursor);
  const NodeMemory memory;
  allocs::types::Element next;
  const std::uint64_t index = cursor.index;
  const int result = ElementWalk<NodeMemory>(memory, cursor).next(next);
  if (memory.is_refused()) return ALLOC_E_NOT_YET;  // the walk is where it was
  std::memcpy(elements->private_state, &cursor, sizeof cursor);
  if (result != 1) return result;
  *element = {.base = allocs::preload::pointer(Address{next.at}),
              .size = elements->size,
              .type = elements->type,
              .index = index,
              .bit = next.bit};
  return 1;
}

ALLOCS_CONTAINER_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
