// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/allocators/sandbox.h"
#include "runtime/query/container_rules.h"
#include "runtime/self/self_process.h"

// The rules by which containers are read, in this process.
namespace allocs::preload {

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
    if (allocators::is_sandboxed()) {
      is_refused_ = true;
      return nullptr;
    }
    constexpr std::uint64_t kPage = 4096;
    const std::uint64_t in_page = kPage - raw(at) % kPage;
    const std::size_t ahead = in_page < kLongest ? static_cast<std::size_t>(in_page) : kLongest;
    Window& window = windows_[next_++ % kWindows];
    window.begin = at;
    window.size = size > ahead ? size : ahead;
    if (runt::self::read_memory(at, window.bytes, window.size)) return window.bytes;
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

// Calls visit(object, rules) for each loaded object whose image has rules for the type, until it returns false. Any object that describes the type will do: one object may
// know more than another, of the type's nodes, say.
template <typename Visit>
void for_each_description(const self::SelfProcess& process, const uniqtype& type, Visit&& visit) {
  index::for_each_module(process.tables(), *process.root(), [&](const index::ModuleRecord& module) {
    if (module.state != index::ModuleState::loaded) return true;
    const query::Object* const describing = process.find_instance(module.instance);
    if (describing == nullptr || !describing->image) return true;
    const query::ContainerRules rules = query::rules_in(*describing, type);
    return rules.empty() || visit(*describing, rules);
  });
}

// T, if a container that is, or is in, what `holder` tells of keeps its elements in `block`, and begins them by the pointer at `at`; nullptr if none does, or if the
// block has no room for a whole number of them. May make a type. Context: query.
uniqtype* element_type_kept_in(const self::SelfProcess& process, const query::Answer& holder,
                               Address at, AddressRange block);

}  // namespace allocs::preload
