// SPDX-License-Identifier: Apache-2.0
#include "allocs/container.h"

#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/preload/info.h"
#include "runtime/self/self_process.h"
#include "types/elements.h"

// The public functions of <allocs/container.h>.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::self::SelfProcess;
using allocs::types::ContainerRecord;
using allocs::types::ContainerShape;
using allocs::types::ElementCursor;
using allocs::types::ElementWalk;

// Memory that may not be there, read through the kernel, some of it ahead: the links of a node lie close together. A view is valid until the
// fourth next one.
class NodeMemory {
 public:
  NodeMemory() {}  // not `= default`: nothing is to be cleared
  const std::byte* view(Address at, std::size_t size) const {
    for (const Window& window : windows_) {
      if (at >= window.begin && at + size <= window.begin + window.size && at + size >= at)
        return window.bytes + (at - window.begin);
    }
    if (size > kLongest) return nullptr;
    if (allocs::allocators::is_sandboxed()) {
      is_refused_ = true;
      return nullptr;
    }
    constexpr std::uint64_t kPage = 4096;
    const std::uint64_t in_page = kPage - raw(at) % kPage;
    const std::size_t ahead = in_page < kLongest ? static_cast<std::size_t>(in_page) : kLongest;
    Window& window = windows_[next_++ % kWindows];
    window.begin = at;
    window.size = size > ahead ? size : ahead;
    if (allocs::runt::self::read_memory(at, window.bytes, window.size)) return window.bytes;
    window.size = 0;
    return nullptr;
  }
  // Was something not read since the kernel must not be asked? Then it is not the container that is damaged.
  bool is_refused() const { return is_refused_; }

 private:
  static constexpr std::size_t kLongest = 64;
  static constexpr std::size_t kWindows = 4;
  struct Window {
    Address begin{};
    std::size_t size = 0;
    std::byte bytes[kLongest];
  };
  mutable Window windows_[kWindows];
  mutable unsigned next_ = 0;
  mutable bool is_refused_ = false;
};

// Those of an object that describes the type. Types are equal by their content, so any such object will do that knows more than the type
// itself: of its nodes, say.
std::span<const ContainerRecord> rules_in(const allocs::query::Object& object,
                                          const uniqtype& type) {
  std::span<const ContainerRecord> found;
  const auto& record = allocs::types::record_of(type);
  object.image->find_types_named(record.name, [&](allocs::types::TypeIndex index) {
    const auto* const described = object.image->type(index);
    if (described == nullptr || !(described->hash == record.hash)) return false;
    found = object.image->find_containers(index);
    return !found.empty();
  });
  return found;
}

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
  allocs::index::for_each_module(
      process.tables(), *process.root(), [&](const allocs::index::ModuleRecord& module) {
        if (module.state != allocs::index::ModuleState::loaded) return true;
        const allocs::query::Object* const describing = process.find_instance(module.instance);
        if (describing == nullptr || !describing->image) return true;
        const auto rules = rules_in(*describing, *type);
        if (rules.empty()) return true;
        result = begin(process, *describing, rules, object, *elements);
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
